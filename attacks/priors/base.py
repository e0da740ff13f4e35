"""The interface of all priors, and beliefs that hold at once."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Proposal:
    """What a search proposes for R rows; V victims own R / V consecutive rows each.

    Attributes:
        images: (R, B, C, H, W).
        normalised: inputs (R, B, C, ...) of the model's batch-normalisation layers for these images.
        victims: V.
    """

    images: Tensor
    normalised: tuple[Tensor, ...] = ()
    victims: int = 1


class Prior(Protocol):
    """log p(x), up to a constant."""

    def negative_log(self, proposal: Proposal) -> Tensor:
        """One value for each row, (R,)."""
        ...


@dataclass(frozen=True)
class Product:
    """Independent beliefs that hold at once."""

    factors: tuple[Prior, ...]

    def negative_log(self, proposal: Proposal) -> Tensor:
        """Sum over the factors, (R,)."""
        return torch.stack([factor.negative_log(proposal) for factor in self.factors]).sum(0)
