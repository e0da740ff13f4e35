"""How much the likelihood counts as a search goes on."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.errors import AttackError

Progress = float | Tensor
"""How much of a search is done, from 0 to 1; a scalar tensor where a captured step counts on the device."""

Annealing = Callable[[Progress], Progress]
"""From the progress of a search to the weight of the likelihood, 1 at its end."""


def constant(progress: Progress) -> Progress:
    """No annealing."""
    return 1.0


@dataclass(frozen=True)
class Geometric:
    """The weight grows by the same factor at every step, up to 1, and then stays.

    Attributes:
        start: weight at the beginning, in (0, 1].
        until: progress at which the weight is 1, in (0, 1].

    Source: Balunovic et al. 2022 (ICLR), published code: from min(factor * sigma^2, 1) to 1 at half of the
    search.
    """

    start: float
    until: float = 0.5

    def __post_init__(self) -> None:
        if not (0 < self.start <= 1 and 0 < self.until <= 1):
            raise AttackError("annealing needs a start and an until in (0, 1]; choose 1 for none")

    def __call__(self, progress: Progress) -> Progress:
        """The weight at this progress."""
        left = torch.as_tensor(1 - progress / self.until).clamp_min(0)
        return torch.pow(self.start, left)
