"""How much rounding can lengthen a vector, and rounding that never lengthens it more than that.

Sensitivity is that of the whole numbers that are summed, not of the floats they came from. All in steps.
"""

import math

import numpy as np
from numpy.typing import NDArray

from gradveil.exchange import InvalidUpdateError
from secagg.ring import FixedPoint, Rounding
from secagg.rounding import Generator

Counts = NDArray[np.int64]

BETA = math.exp(-0.5)
"""Bound on the chance that a stochastic rounding is repeated; the value in Kairouz et al. 2021, section 5."""

_TRIES = 64
_BLOCK = 1 << 14
_FLOAT_SLACK = 1 + 2.0**-20  # scaling to the norm rounds each float32 by 2^-24 of it at most


def rounded_norm(norm: float, length: int, rounding: Rounding) -> float:
    """The L2 norm, in steps, that a rounded vector (length,) of norm `norm` is held to.

    To the nearest step each value moves by half a step at most, so norm + sqrt(length) / 2 is certain.
    Stochastic rounding moves it by a step, but is repeated until within the bound that holds with
    probability 1 - BETA, of Kairouz, Liu, Steinke 2021, Theorem 1.
    """
    norm, root = norm * _FLOAT_SLACK, math.sqrt(length)
    if rounding == "nearest":
        return norm + root / 2
    likely = norm**2 + length / 4 + math.sqrt(2 * math.log(1 / BETA)) * (norm + root / 2)
    return min(norm + root, math.sqrt(likely))


def round_within(
    vector: NDArray[np.float32], norm: float, encoding: FixedPoint, generator: Generator | None = None
) -> Counts:
    """Whole steps (n,) of the vector scaled down to L2 norm `norm` (a value), within `rounded_norm`.

    A stochastic rounding that is too long is drawn again; after 64 of them, which happens with a
    probability below 1e-13, values are cut towards zero, which lengthens nothing.

    Raises:
        InvalidUpdateError: not a float32 vector, a NaN or infinity in it, or a norm beyond float64.
    """
    scaled = _scaled(vector, norm)
    limit = math.floor(rounded_norm(norm / encoding.step, vector.size, encoding.rounding) ** 2)
    for _ in range(_TRIES):
        counts = encoding.quantise(scaled, generator)
        if squared_norm(counts) <= limit:
            return counts
    cut = np.trunc(scaled.astype(np.float64) / encoding.step)
    return np.clip(cut, -encoding.levels, encoding.levels).astype(np.int64)


def squared_norm(counts: Counts) -> int:
    """The exact sum of squares of whole numbers (n,) below 2^24."""
    blocks = (counts[start : start + _BLOCK] for start in range(0, counts.size, _BLOCK))
    return sum(int(np.dot(block, block)) for block in blocks)


def _scaled(vector: NDArray[np.float32], norm: float) -> NDArray[np.float32]:
    with np.errstate(over="ignore", invalid="ignore"):
        length = float(np.linalg.norm(vector.astype(np.float64)))
    if not math.isfinite(length):
        raise InvalidUpdateError("the vector holds a NaN or infinity; lower the step size and train again")
    return vector if length <= norm else (vector * (norm / length)).astype(np.float32, copy=False)
