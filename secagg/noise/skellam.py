"""Skellam noise, the difference of two Poisson variables, whose sums are Skellam again.

Agarwal, Kairouz, Liu 2021, "The Skellam Mechanism for Differentially Private Federated Learning".
Sampled from a table of its distribution function in 128-bit fixed point, computed with integers only: within
2^-100 of the exact distribution in total variation, where a floating-point Poisson sampler proves nothing.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Self

import numpy as np
from numpy.typing import NDArray

from secagg.errors import OverflowRefusedError
from secagg.noise.keystream import Keystream, Words

_FINE = 64
_TABLE = _FINE << 26
"""Largest variance of one table, in the same parts: 2^18 entries."""
_PIECES = 64
_LARGEST = 1 << 16
_START = 1 << 256
_BATCH = 1 << 16


@dataclass(frozen=True)
class Skellam:
    """X - Y for independent Poisson X, Y of mean variance / 2; P[k] = exp(-variance) I_|k|(variance).

    Attributes:
        parts: the variance in 1/64 steps squared.

    Raises:
        OverflowRefusedError: a standard deviation not in 1/8 .. 2^16 steps.
    """

    parts: int

    def __post_init__(self) -> None:
        if not 1 <= self.parts <= _TABLE * _PIECES:
            raise OverflowRefusedError(f"variance {self.parts}/{_FINE} is out of range; use fewer bits")

    @classmethod
    def at_least(cls, sigma: float) -> Self:
        """The next standard deviation, in steps, whose square is a multiple of 1/64."""
        if not 0 < sigma <= _LARGEST:
            raise OverflowRefusedError(f"sigma of {sigma} steps is out of range; use fewer bits")
        return cls(math.ceil(sigma * sigma * _FINE))

    @property
    def sigma(self) -> float:
        """The standard deviation, in steps."""
        return math.sqrt(self._pieces * self._piece / _FINE)

    def sample(self, count: int, stream: Keystream) -> NDArray[np.int64]:
        """Independent samples, int64 (count,)."""
        found = np.empty(count, dtype=np.int64)
        for start in range(0, count, _BATCH):
            size = min(_BATCH, count - start)
            ranks = sum(self._ranks(stream.words(size), stream) for _ in range(self._pieces))
            found[start : start + size] = ranks
        found -= self._pieces * self._reach
        return found

    def _ranks(self, words: Words, stream: Keystream) -> NDArray[np.int64]:
        """How many table entries are at most u / 2^128; the upper 64 bits of u almost always decide."""
        high, low = self._table
        ranks = np.searchsorted(high, words, side="right").astype(np.int64)
        for tied in np.flatnonzero(high[ranks - 1] == words):
            first = int(np.searchsorted(high, words[tied], side="left"))
            ranks[tied] = first + np.searchsorted(low[first : ranks[tied]], stream.words(1)[0], side="right")
        return ranks

    @property
    def _pieces(self) -> int:
        """How many samples are added to make one of a larger variance: sums of Skellam are Skellam."""
        return -(-self.parts // _TABLE)

    @property
    def _piece(self) -> int:
        return -(-self.parts // self._pieces)

    @cached_property
    def _reach(self) -> int:
        # Beyond it lies less than 2^-128: 16 sigma for a near-Gaussian tail, 200 for small variances.
        return 16 * math.isqrt(self._piece // _FINE) + 200

    @cached_property
    def _table(self) -> tuple[Words, Words]:
        """floor(2^128 P[X <= k]) for k = -reach .. reach - 1 as upper and lower 64 bits."""
        weights = bessel_ratios(self._piece, _FINE, self._reach)
        both = weights[:0:-1] + weights
        total = sum(both)
        entries = [(partial << 128) // total for partial in accumulate(both[:-1])]
        high = np.array([entry >> 64 for entry in entries], dtype=np.uint64)
        return high, np.array([entry & (1 << 64) - 1 for entry in entries], dtype=np.uint64)


def bessel_ratios(numerator: int, denominator: int, reach: int) -> list[int]:
    """Integers in the ratio of I_0(v), ..., I_reach(v), v = numerator / denominator.

    Miller's algorithm: I_{k-1} = I_{k+1} + (2 k / v) I_k downwards. All terms are positive, so errors do not
    grow; they start at 2^-256, relative, from truncation and about exp(-reach^2 / v) from the start.
    """
    values = [0, _START]
    for order in range(reach, 0, -1):
        values.append(values[-2] + 2 * order * denominator * values[-1] // numerator)
    return values[:0:-1]
