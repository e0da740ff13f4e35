"""The unknowns of an attack as blocks of one flat vector a row."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor


@dataclass(frozen=True)
class Unknowns:
    """Names and shapes, for one row, of what a search moves.

    Attributes:
        shapes: shape of each block without the row axis, in the order of the flat vector.
    """

    shapes: Mapping[str, tuple[int, ...]]

    def split(self, points: Tensor) -> dict[str, Tensor]:
        """Blocks (R, *shape) of points (R, d)."""
        sizes = [prod(shape) for shape in self.shapes.values()]
        parts = torch.split(points, sizes, dim=1) if len(sizes) > 1 else [points]
        return {
            name: part.reshape(len(points), *shape)
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def join(self, blocks: Mapping[str, Tensor]) -> Tensor:
        """Points (R, d) from blocks (R, *shape)."""
        return torch.cat([blocks[name].flatten(1) for name in self.shapes], dim=1)
