"""The discrete Gaussian, sampled exactly with integers: no rounding error for an adversary to use.

Canonne, Kamath, Steinke 2020, "The Discrete Gaussian for Differential Privacy", Algorithms 1 to 3, with each
loop run over a whole vector: entries that are decided leave it.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from secagg.errors import OverflowRefusedError
from secagg.noise.keystream import Keystream, Words

Flags = NDArray[np.bool_]
Integers = NDArray[np.int64]

_FINE = 64
"""Parts of a step by which small sigmas are counted."""
_LARGEST = 1 << 29
_BATCH = 1 << 16


@dataclass(frozen=True)
class DiscreteGaussian:
    """P[x] proportional to exp(-x^2 / (2 sigma^2)) on all integers, sigma = numerator / denominator.

    Attributes:
        numerator: of sigma, in steps.
        denominator: of sigma.

    Raises:
        OverflowRefusedError: sigma not positive, or so large that an intermediate number needs over 64 bits.
    """

    numerator: int
    denominator: int = 1

    def __post_init__(self) -> None:
        if min(self.numerator, self.denominator) < 1 or self._base > _LARGEST:
            raise OverflowRefusedError(
                f"sigma of {self.numerator}/{self.denominator} steps is out of range; "
                f"use 1/{_FINE} to {_LARGEST} steps"
            )

    @classmethod
    def at_least(cls, sigma: float) -> Self:
        """The next sigma that can be sampled: a multiple of 1/64 step up to 64 steps, of one step above."""
        if not 0 < sigma <= _LARGEST:
            raise OverflowRefusedError(f"sigma of {sigma} steps is out of range; use at most {_LARGEST}")
        fine = _FINE if sigma < _FINE else 1
        return cls(math.ceil(sigma * fine), fine)

    @property
    def sigma(self) -> float:
        """The parameter, in steps; the standard deviation is at most this (Corollary 9)."""
        return self.numerator / self.denominator

    def sample(self, count: int, stream: Keystream) -> Integers:
        """Independent samples, int64 (count,)."""
        found = np.empty(count, dtype=np.int64)
        done = 0
        while done < count:
            accepted = self._accepted(min(2 * (count - done) + 16, _BATCH), stream)[: count - done]
            found[done : done + accepted.size] = accepted
            done += accepted.size
        return found

    def _accepted(self, count: int, stream: Keystream) -> Integers:
        """Algorithm 3: a discrete Laplace proposal y, kept with exp(-(|y| - sigma^2 / t)^2 / (2 sigma^2))."""
        proposals = discrete_laplace(self._scale, count, stream)
        slope, offset = self._line
        distance = np.abs(np.abs(proposals) * slope - offset).astype(np.uint64)
        return proposals[_exp_of_half_square(distance, self._base, stream)]

    @cached_property
    def _scale(self) -> int:
        """t; any positive integer is correct, one near sigma is fast."""
        return max(self.numerator // self.denominator, 1)

    @cached_property
    def _factor(self) -> int:
        return math.gcd(self.denominator**2 * self._scale, self.numerator**2)

    @cached_property
    def _line(self) -> tuple[int, int]:
        """Integers a, c with (|y| - sigma^2 / t) / sigma = (a |y| - c) / base, in lowest terms."""
        return self.denominator**2 * self._scale // self._factor, self.numerator**2 // self._factor

    @cached_property
    def _base(self) -> int:
        # The factor divides it: its square divides a product of two terms that divides this one's square.
        return self.denominator * self._scale * self.numerator // self._factor


def discrete_laplace(scale: int, count: int, stream: Keystream) -> Integers:
    """Algorithm 2: P[x] proportional to exp(-|x| / scale); int64, about 0.63 * count samples."""
    remainders = stream.below(scale, count)
    remainders = remainders[bernoulli_exp(remainders, scale, stream)]
    sizes = (remainders + np.uint64(scale) * _geometric(remainders.size, stream)).astype(np.int64)
    negative = stream.below(2, sizes.size).astype(bool)
    # Zero would come with both signs, twice as often as it should.
    doubled = negative & (sizes == 0)
    signed: Integers = np.where(negative, -sizes, sizes)[~doubled]
    return signed


def bernoulli_exp(numerators: Words, denominator: int, stream: Keystream) -> Flags:
    """Algorithm 1: True with probability exp(-a / denominator), for 0 <= a <= denominator <= 2^63, (n,)."""
    flags = np.ones(numerators.size, dtype=bool)
    alive, trial = np.arange(numerators.size), 0
    while alive.size:
        # P[trial k goes on] = a / (b k): the product keeps b * k within 64 bits.
        trial += 1
        alive = alive[stream.below(denominator, alive.size) < numerators[alive]]
        alive = alive[stream.below(trial, alive.size) == 0]
        flags[alive] = trial % 2 == 0
    return flags


def _geometric(count: int, stream: Keystream) -> Words:
    """Successes of Bernoulli(1 / e) before the first failure, (count,)."""
    found = np.zeros(count, dtype=np.uint64)
    alive = np.arange(count)
    while alive.size:
        alive = alive[_exp_minus_one(alive.size, stream)]
        found[alive] += np.uint64(1)
    return found


def _exp_minus_one(count: int, stream: Keystream) -> Flags:
    return bernoulli_exp(np.ones(count, dtype=np.uint64), 1, stream)


def _exp_minus_integer(exponents: Words, stream: Keystream) -> Flags:
    """True with probability exp(-k) for integers k (n,): k successes of Bernoulli(1 / e) in a row."""
    flags, left = np.ones(exponents.size, dtype=bool), exponents.copy()
    while (alive := np.flatnonzero(flags & (left > 0))).size:
        flags[alive] = _exp_minus_one(alive.size, stream)
        left[alive] -= np.uint64(1)
    return flags


def _exp_of_half_square(distances: Words, base: int, stream: Keystream) -> Flags:
    """True with probability exp(-(m / base)^2 / 2) for integers m (n,) and base up to 2^29.

    With m = k * base + r the exponent is (k^2 base^2 + 2 k r base + r^2) / (2 base^2). Its whole part and
    its fraction are computed apart, so that no product exceeds 64 bits while k < 2^30; a larger k is a
    proposal 2^30 sigma from zero, which comes with probability exp(-2^30).
    """
    whole, rest = np.divmod(distances, np.uint64(base))
    turns, mixed = np.divmod(whole * rest, np.uint64(base))
    square, period = np.uint64(base * base), 2 * base * base
    numerators = (whole & np.uint64(1)) * square + np.uint64(2 * base) * mixed + rest * rest
    carried, numerators = np.divmod(numerators, np.uint64(period))
    exponents = (whole * whole >> np.uint64(1)) + turns + carried
    flags = _exp_minus_integer(exponents, stream)
    alive = np.flatnonzero(flags)
    flags[alive] = bernoulli_exp(numerators[alive], period, stream)
    return flags
