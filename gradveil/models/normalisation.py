"""Networks that expect normalised inputs, seen as networks of images in [0, 1]."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of each channel, as torchvision's models expect them."""


def normalised(network: nn.Module, mean: Sequence[float], std: Sequence[float]) -> nn.Module:
    """The same network, which from now on gets (images - mean) / std for each channel.

    Images stay in [0, 1] everywhere else, so that priors, distances and pictures mean the same for every
    network. This is a hook and no wrapper, so that parameters keep their names; the constants are buffers
    in no state dict, so that they move with the network and a pass copies nothing from the host.

    Args:
        network: changed in place; normalised already, it does the new normalisation last.
        mean: of each channel, or one for all.
        std: likewise.
    """
    hook = _Normalisation(sum(isinstance(one, _Normalisation) for one in network._forward_pre_hooks.values()))
    parameter = next(network.parameters(), torch.empty(0))
    for name, values in ((hook.mean, mean), (hook.std, std)):
        network.register_buffer(name, _column(values).to(parameter), persistent=False)
    network.register_forward_pre_hook(hook)
    return network


@dataclass(frozen=True)
class _Normalisation:
    """The normalisation of this number; a network's own buffers hold what it subtracts and divides by."""

    number: int

    @property
    def mean(self) -> str:
        return f"_input_mean_{self.number}"

    @property
    def std(self) -> str:
        return f"_input_std_{self.number}"

    def __call__(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        images, *others = inputs
        return (images - module.get_buffer(self.mean)) / module.get_buffer(self.std), *others


def _column(values: Sequence[float]) -> Tensor:
    """Shape (channels, 1, 1), so that it broadcasts over images (B, C, H, W)."""
    return torch.tensor(tuple(values))[:, None, None]
