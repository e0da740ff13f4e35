"""What both CKKS forms share: values in slots, and the noise that a slot of a sum carries."""

import math
from abc import abstractmethod
from dataclasses import dataclass

from he.errors import ParametersError
from he.params import noise
from he.params.base import Params, least_prime

_UNIT_ROUNDOFF = 2.0**-53
_MOST_WEIGHT = 2**16 - 1


@dataclass(frozen=True, kw_only=True)
class SlotParams(Params):
    """CKKS; sums are rounded to the grid before anybody sees them.

    Attributes:
        scale_bits: an encoded value is multiplied by 2^scale_bits.
    """

    scale_bits: int = 40

    @property
    @abstractmethod
    def data_primes(self) -> tuple[int, ...]:
        """Bits of the primes that a ciphertext is computed in."""

    @property
    @abstractmethod
    def largest_slot(self) -> float:
        """Largest magnitude of a slot."""

    @property
    @abstractmethod
    def coefficient_variance(self) -> float:
        """Variance proxy of the noise of a coefficient of a fresh ciphertext."""

    @property
    def capacity(self) -> int:
        """Weights whose sum keeps every coefficient below half the data primes' product.

        A coefficient of an encoded vector is at most scale * max |slot|, as the inverse embedding averages.
        The noise of a coefficient counts per weight, which is more than its root-sum-square growth.
        """
        modulus = math.prod(least_prime(bits) for bits in self.data_primes)
        noisy = noise.tail() * math.sqrt(self.coefficient_variance) + 0.5
        return int(min(modulus / 2 / (2.0**self.scale_bits * self.largest_slot + noisy), _MOST_WEIGHT))

    @property
    def noise_capacity(self) -> int:
        """Squared weights whose noise stays within a quarter of the step."""
        room = self.step / 4 - self._embedding_error(self.max_clients)
        return int((max(room, 0.0) / (noise.tail() * self._slot_deviation)) ** 2)

    def noise_bound(self, weight: int, squares: int) -> float:
        """Largest error of a value of a sum with these (squared) weights, before rounding.

        A coefficient carries encryption noise and the encoder's rounding. The real or imaginary part of a
        slot weighs the N coefficients with cosines or sines whose squares add up to N/2, so a sum with
        weights w has the variance proxy sum(w^2) N/2 (noise + rounding) / scale^2. To the tail of that comes
        the float64 error of both embeddings (Higham, Accuracy and Stability of Numerical Algorithms,
        Theorem 24.2).
        """
        return noise.tail() * math.sqrt(squares) * self._slot_deviation + self._embedding_error(weight)

    @property
    def _slot_deviation(self) -> float:
        variance = self.coefficient_variance + noise.ROUNDING_VARIANCE
        return math.sqrt(self.poly_degree / 2 * variance) / 2.0**self.scale_bits

    def _embedding_error(self, weight: int) -> float:
        growth = 14 * _UNIT_ROUNDOFF * math.log2(self.poly_degree) * math.sqrt(self.poly_degree)
        return growth * weight * self.largest_slot

    def _require_ranges(self) -> None:
        super()._require_ranges()
        if type(self.scale_bits) is not int or not max(self.step_bits, 0) < self.scale_bits <= 60:
            raise ParametersError("scale_bits must lie above step_bits and within 1 .. 60; let for_() choose")
