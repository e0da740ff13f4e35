"""One client's update and the weighted mean of many."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradveil.exchange.errors import InvalidUpdateError
from gradveil.exchange.layout import Layout

MAX_WEIGHT = 2**24
"""Largest number of examples of one client; float32 counts exactly up to here."""

_WEIGHT_TOLERANCE = 1e-6  # sums of weights travel as float32


@dataclass(frozen=True, eq=False)
class Update:
    """A flat float32 vector of shape (layout.size,) and the number of examples behind it.

    Raises:
        InvalidUpdateError: another dtype or shape, NaN or infinity, or no positive whole weight.
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
        if type(self.weight) is not int or self.weight < 1:
            raise InvalidUpdateError(f"weight {self.weight!r} is not a positive int; count the examples")

    def contribution(self) -> NDArray[np.float32]:
        """What the client adds to the sum: weight times the vector, then the weight; (wire_size,).

        Raises:
            InvalidUpdateError: a weight over 2^24, or a product beyond float32.
        """
        if self.weight > MAX_WEIGHT:
            raise InvalidUpdateError(f"weight {self.weight} is over {MAX_WEIGHT}; split the client's data")
        product = self.vector.astype(np.float64) * self.weight
        if np.abs(product).max() > np.finfo(np.float32).max:
            raise InvalidUpdateError("weight times update exceeds float32; lower the step size")
        return np.append(product, self.weight).astype(np.float32)

    @classmethod
    def mean_of_sum(cls, layout: Layout, total: NDArray[np.float64]) -> "Update":
        """The weighted mean from a sum of contributions, shape (layout.wire_size,).

        Raises:
            InvalidUpdateError: the weights in the sum do not add up to a positive whole number.
        """
        count = float(total[layout.weight_coord])
        weight = round(count) if np.isfinite(count) else 0
        if weight < 1 or abs(count - weight) > _WEIGHT_TOLERANCE * weight:
            raise InvalidUpdateError("the weights of the sum do not add up; some contribution is missing")
        mean = total[: layout.size] / weight
        return cls(layout, mean.astype(np.float32), weight)


def weighted_mean(updates: list[Update]) -> Update:
    """The exact weighted mean in float64, rounded once: what an aggregate is compared with.

    Raises:
        InvalidUpdateError: no updates.
        LayoutMismatchError: updates of several models.
    """
    if not updates:
        raise InvalidUpdateError("there is nothing to average; give at least one update")
    layout = updates[0].layout
    for update in updates:
        layout.require_same(update.layout)
    total = np.zeros(layout.wire_size)
    for update in updates:
        total += np.append(update.vector.astype(np.float64) * update.weight, update.weight)
    return Update.mean_of_sum(layout, total)
