"""Distributed noise: each client adds a share, the sum is differentially private, no one adds it all.

Privacy holds for the sum, against those who learn nothing else: within secure aggregation. The sum of weights
and counters is not covered, so the weight is 1 for everybody. A sum that wraps loses accuracy, not privacy.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gradveil.exchange import InvalidUpdateError
from secagg.errors import OverflowRefusedError
from secagg.noise.accounting import (
    PrivacyClaim,
    RenyiBound,
    UnprovableClaimError,
    epsilon_of,
    gaussian_sum,
    skellam,
)
from secagg.noise.gaussian import DiscreteGaussian
from secagg.noise.keystream import Keystream
from secagg.noise.rounding import round_within, rounded_norm
from secagg.noise.skellam import Skellam
from secagg.ring import FixedPoint, Ring, Rounding
from secagg.rounding import Generator

_TAILS = 10  # standard deviations of room for noise: beyond lies about 1e-22 of it
_MAX_LEVELS = (1 << 24) - 1


@dataclass(frozen=True)
class DistributedNoise(ABC):
    """A vector on the ring, its norm bounded and its share of noise added.

    Attributes:
        encoding: the ring, for weight 1; `bits` at most 25.
        length: number of values of a vector.
        clip_norm: L2 norm to which vectors are scaled down, in units of the values.
        sigma: of the noise on the sum of `survivors_min` clients, in units of the values. Each client adds
            sigma^2 / survivors_min, so more survivors mean more noise, never less.
        survivors_min: fewest clients in a sum that are honest: the threshold, less those that may collude.
        delta: of the claim.
        rounds: number of sums that the claim covers.
        sampling_rate: see `PrivacyClaim`.

    Raises:
        OverflowRefusedError: no room on the ring for the noise of all clients, or weights other than 1.
        UnprovableClaimError: a parameter out of range.
    """

    encoding: FixedPoint
    length: int
    clip_norm: float
    sigma: float
    survivors_min: int
    delta: float
    rounds: int = 1
    sampling_rate: float = 1.0

    def __post_init__(self) -> None:
        if not 1 <= self.survivors_min <= self.encoding.max_clients:
            raise UnprovableClaimError(f"survivors_min is not in 1 .. {self.encoding.max_clients}; lower it")
        if not (0 < self.delta < 1 and 0 < self.sampling_rate <= 1 and self.rounds >= 1 and self.length >= 1):
            raise UnprovableClaimError("delta, sampling_rate, rounds or length is out of range; correct it")
        if not (0 < self.sigma < math.inf and 0 < self.clip_norm < math.inf):
            raise UnprovableClaimError("sigma and clip_norm must be positive; a claim needs both")
        self._require_ring()
        _ = self._sampler  # refuses what it cannot sample

    @classmethod
    def for_(
        cls,
        clients: int,
        bits: int,
        *,
        length: int,
        clip_norm: float,
        sigma: float,
        survivors_min: int,
        delta: float,
        rounds: int = 1,
        sampling_rate: float = 1.0,
        rounding: Rounding = "stochastic",
    ) -> Self:
        """The mechanism on the smallest ring for `bits`-bit values, each clipped at clip_norm, and noise."""
        unbounded = FixedPoint.for_(clients, 1, clip_norm, bits)
        headroom = _headroom(sigma / unbounded.step, clients, survivors_min)
        encoding = FixedPoint.for_(clients, 1, clip_norm, bits, rounding=rounding, headroom=headroom)
        return cls(encoding, length, clip_norm, sigma, survivors_min, delta, rounds, sampling_rate)

    @property
    def client_sigma(self) -> float:
        """Of one client's noise, in steps: sigma / sqrt(survivors_min), or the next that can be sampled."""
        return self._sampler.sigma

    @property
    def norm_bound(self) -> float:
        """Largest L2 norm of a rounded vector, in units of the values: the sensitivity, enforced."""
        return self._norm_in_steps * self.encoding.step

    @cached_property
    def claim(self) -> PrivacyClaim:
        """What the noise proves; computed on first use.

        Raises:
            MissingAccountantError: the package `dp-accounting` is not installed.
            UnprovableClaimError: noise too small for the theorem.
        """
        epsilon = epsilon_of(self.renyi, self.delta, self.sampling_rate, self.rounds)
        place = self.sampling_rate, self.rounds, self.norm_bound, self.survivors_min
        return PrivacyClaim(epsilon, self.delta, *place)

    @property
    @abstractmethod
    def renyi(self) -> RenyiBound:
        """Of one round without sampling."""

    def encode(
        self,
        vector: NDArray[np.float32],
        stream: Keystream | None = None,
        generator: Generator | None = None,
    ) -> Ring:
        """A noisy ring vector, shape (length + 1,), of weight 1, in place of `FixedPoint.encode`.

        `stream` and `generator` replace the sources of noise and of stochastic rounding, for tests.

        Raises:
            InvalidUpdateError: not a float32 vector (length,), or a NaN or infinity in it.
        """
        if vector.shape != (self.length,) or vector.dtype != np.float32:
            raise InvalidUpdateError(f"{vector.dtype}{vector.shape} is no float32 vector ({self.length},)")
        counts = round_within(vector, self.clip_norm, self.encoding, generator)
        counts += self._sampler.sample(self.length, Keystream() if stream is None else stream)
        return self.encoding.wrap(counts)

    @property
    @abstractmethod
    def _sampler(self) -> DiscreteGaussian | Skellam: ...

    @property
    def _needed_sigma(self) -> float:
        return self.sigma / (math.sqrt(self.survivors_min) * self.encoding.step)

    @property
    def _norm_in_steps(self) -> float:
        return rounded_norm(self.clip_norm / self.encoding.step, self.length, self.encoding.rounding)

    def _require_ring(self) -> None:
        encoding = self.encoding
        if encoding.max_weight != 1 or encoding.levels > _MAX_LEVELS:
            raise OverflowRefusedError("noise needs max_weight=1 and at most 25 bits; lower them")
        headroom = _headroom(self.sigma / encoding.step, encoding.max_clients, self.survivors_min)
        most = encoding.max_clients * encoding.levels + headroom
        if most >> (encoding.modulus_bits - 1):
            needed = (2 * most).bit_length()
            raise OverflowRefusedError(f"no room for noise; set bits and modulus_bits={needed}, or use for_")


@dataclass(frozen=True)
class DiscreteGaussianNoise(DistributedNoise):
    """Distributed discrete Gaussian: Kairouz, Liu, Steinke 2021; sampled as by Canonne et al. 2020."""

    @property
    def renyi(self) -> RenyiBound:
        """Proposition 14, for survivors_min clients."""
        return gaussian_sum(self._norm_in_steps, self.client_sigma, self.survivors_min, self.length)

    @cached_property
    def _sampler(self) -> DiscreteGaussian:
        return DiscreteGaussian.at_least(self._needed_sigma)


@dataclass(frozen=True)
class SkellamNoise(DistributedNoise):
    """Distributed Skellam: Agarwal, Kairouz, Liu 2021; exact for every number of survivors."""

    @property
    def renyi(self) -> RenyiBound:
        """Theorem 3.5, for survivors_min clients."""
        return skellam(self._norm_in_steps, self.survivors_min * self.client_sigma**2, self.length)

    @cached_property
    def _sampler(self) -> Skellam:
        return Skellam.at_least(self._needed_sigma)


def _headroom(sigma_in_steps: float, clients: int, survivors_min: int) -> int:
    """Steps that the noise of all clients may add to a sum, either way."""
    return math.ceil(_TAILS * sigma_in_steps * math.sqrt(clients / survivors_min)) + 1
