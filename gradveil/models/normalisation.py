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
    network. This is a hook and no wrapper, so that parameters keep their names.

    Args:
        network: changed in place.
        mean: of each channel, or one for all.
        std: likewise.
    """
    network.register_forward_pre_hook(_Normalisation(tuple(mean), tuple(std)))
    return network


@dataclass(frozen=True)
class _Normalisation:
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        images, *others = inputs
        return (images - _column(self.mean, images)) / _column(self.std, images), *others


def _column(values: tuple[float, ...], images: Tensor) -> Tensor:
    """Shape (channels, 1, 1), so that it broadcasts over images (B, C, H, W)."""
    return torch.tensor(values, dtype=images.dtype, device=images.device)[:, None, None]
