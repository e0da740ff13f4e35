"""Pixels that a search begins with."""

from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.canvas.pixels import Pixels
from attacks.errors import AttackError
from attacks.model import Model


@dataclass(frozen=True, kw_only=True, eq=False)
class GivenPixels(Pixels):
    """Pixels whose first guess (1, B, C, H, W) is given."""

    given: Tensor

    def start(self, rows: int, examples: int, model: Model, rng: torch.Generator) -> Tensor:
        """The given images, for every row, in the model's type; AttackError if another number is sought."""
        if self.given.shape[1] != examples:
            raise AttackError(f"{self.given.shape[1]} images are given to start from; give {examples}")
        return self.given.to(model.device, model.dtype).repeat(rows, *(1,) * (self.given.ndim - 1))
