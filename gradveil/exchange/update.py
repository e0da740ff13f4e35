"""One client's update and the weighted mean of many."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradveil.exchange.errors import InvalidUpdateError
from gradveil.exchange.layout import Layout

MAX_WEIGHT = 2**24
"""Largest number of examples that float32 counts exactly."""


@dataclass(frozen=True, eq=False)
class Update:
    """A flat float32 vector of shape (layout.size,) and the number of examples behind it.

    Raises:
        InvalidUpdateError: another dtype or shape, NaN or infinity, or a weight outside 1 .. 2^24.
    """

    layout: Layout
    vector: NDArray[np.float32]
    weight: int

    def __post_init__(self) -> None:
        if self.vector.dtype != np.float32 or self.vector.shape != (self.layout.size,):
            found = f"{self.vector.dtype}{self.vector.shape}"
            raise InvalidUpdateError(f"update is {found}, not float32({self.layout.size},); use flatten()")
        if not np.isfinite(self.vector).all():
            where = int(np.flatnonzero(~np.isfinite(self.vector))[0])
            raise InvalidUpdateError(f"update is NaN or infinite at coordinate {where}; lower the step size")
        if not 1 <= self.weight <= MAX_WEIGHT:
            raise InvalidUpdateError(f"weight {self.weight} is not in 1 .. {MAX_WEIGHT} examples")

    def contribution(self) -> NDArray[np.float32]:
        """What the client adds to the sum: weight times the vector, then the weight; (wire_size,)."""
        return np.append(self.vector * np.float32(self.weight), np.float32(self.weight))

    @classmethod
    def mean_of_sum(cls, layout: Layout, total: NDArray[np.float64]) -> "Update":
        """The weighted mean from a sum of contributions, shape (layout.wire_size,).

        Raises:
            InvalidUpdateError: the weights in the sum do not add up to a positive whole number.
        """
        weight = round(float(total[layout.weight_coord]))
        if weight < 1:
            raise InvalidUpdateError("the weights of the sum do not add up; some contribution is missing")
        mean = total[: layout.size] / weight
        return cls(layout, mean.astype(np.float32), weight)


def weighted_mean(updates: list[Update]) -> Update:
    """The exact weighted mean in float64, rounded once: what an aggregate is compared with."""
    layout = updates[0].layout
    for update in updates:
        layout.require_same(update.layout)
    total = np.zeros(layout.wire_size)
    for update in updates:
        total += np.append(update.vector.astype(np.float64) * update.weight, update.weight)
    return Update.mean_of_sum(layout, total)
