"""Pooling windows as an axis, and back."""

from torch import Tensor
from torch.nn import functional as F


def windows(maps: Tensor, side: int) -> Tensor:
    """The values (..., h, w, side * side) of every pooling window of maps (..., H, W); rests are cropped."""
    down, across = maps.shape[-2] // side, maps.shape[-1] // side
    cropped = maps[..., : down * side, : across * side]
    split = cropped.reshape(*maps.shape[:-2], down, side, across, side)
    return split.transpose(-3, -2).flatten(-2)


def spread(values: Tensor, side: int, size: tuple[int, int]) -> Tensor:
    """Maps (..., H, W) of this size with these values (..., h, w, side * side) in the windows, else zero."""
    split = values.reshape(*values.shape[:-1], side, side).transpose(-3, -2)
    down, across = values.shape[-3] * side, values.shape[-2] * side
    maps = split.reshape(*values.shape[:-3], down, across)
    return F.pad(maps, (0, size[1] - across, 0, size[0] - down))
