"""The interface of all searches."""

from typing import Protocol

import torch
from torch import Tensor

from attacks.annealing import Progress


class Objective(Protocol):
    """What a search minimises, row by row."""

    def __call__(self, points: Tensor, progress: Progress = 1.0) -> tuple[Tensor, Tensor]:
        """Values (R,) and gradients (R, d) at points (R, d).

        Args:
            points: where to evaluate.
            progress: how much of the search is done, from 0 to 1. Gradients of annealed objectives depend on
                it; values never do, as a search could not tell its best iterate otherwise.
        """
        ...


class Search(Protocol):
    """Minimises one objective from many starts."""

    def minimise(self, objective: Objective, starts: Tensor) -> tuple[Tensor, Tensor]:
        """Best points (R, d) and their values (R,) from starts (R, d)."""
        ...


def ranked(objectives: Tensor) -> Tensor:
    """Indices of the starts (R,), best first; a start that broke comes last."""
    return objectives.nan_to_num(nan=torch.inf, posinf=torch.inf).argsort()
