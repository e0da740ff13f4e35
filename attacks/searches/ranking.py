"""No search at all."""

from dataclasses import dataclass

from torch import Tensor

from attacks.searches.base import Objective


@dataclass(frozen=True)
class Ranking:
    """Moves nothing, so that a stage can rank rows by other beliefs than those they were searched with."""

    def minimise(self, objective: Objective, starts: Tensor) -> tuple[Tensor, Tensor]:
        """The starts (R, d) and their values (R,)."""
        return starts, objective(starts, 1.0)[0]
