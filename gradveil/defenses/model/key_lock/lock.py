"""The layer behind a normalisation that only its client holds, and where it is put."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

Activation = Literal["relu", "sigmoid"]

_ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {"relu": torch.relu, "sigmoid": torch.sigmoid}

NORM, LOCK = "norm", "lock"
"""Names of the normalisation and its lock within what takes the normalisation's place."""


class Lock(nn.Module):
    """Scales act(A k + a) and shifts act(B k + b) of every channel, from a private k.

    With a ReLU and a key that never changes, about half of the scales are zero: their channels are dead for
    this client, and as no gradient reaches them, they stay so.

    Args:
        channels: number of scales, and of shifts.
        source: k (n,), or the lock before, whose scales and shifts are then k.
        activation: of scales and shifts.

    Source: Ren et al. 2023 (FedKL, arXiv 2305.04095), key-lock module of its code, chains of locks too.
    """

    channels: int

    def __init__(self, channels: int, source: "Tensor | Lock", activation: Activation) -> None:
        super().__init__()
        size = 2 * source.channels if isinstance(source, Lock) else len(source)
        self.channels, self._activation = channels, activation
        self.scale, self.shift = nn.Linear(size, channels), nn.Linear(size, channels)
        key = None if isinstance(source, Lock) else source
        self.register_buffer("key", key, persistent=False)  # in no state dict, so that nobody sends it
        self._before = (source,) if isinstance(source, Lock) else ()  # in a tuple it is no submodule

    def scales_and_shifts(self) -> tuple[Tensor, Tensor]:
        """Both, (channels,) each."""
        key = self.get_buffer("key") if not self._before else torch.cat(self._before[0].scales_and_shifts())
        activation = _ACTIVATIONS[self._activation]
        return activation(self.scale(key)), activation(self.shift(key))

    def forward(self, normalised: Tensor) -> Tensor:
        """Scaled and shifted channels (B, C, H, W)."""
        scales, shifts = self.scales_and_shifts()
        return normalised * scales[:, None, None] + shifts[:, None, None]


class LockSite(nn.Sequential):
    """A normalisation without scale and shift of its own; behind it a lock, or nothing where it is public.

    Args:
        norm: whose statistics are taken over.
    """

    norm: nn.BatchNorm2d

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        bare = nn.BatchNorm2d(norm.num_features, norm.eps, norm.momentum, affine=False)
        bare.load_state_dict(norm.state_dict(), strict=False)
        device = next(norm.buffers()).device
        super().__init__(OrderedDict({NORM: bare.to(device), LOCK: nn.Identity()}))
        self.train(norm.training)
