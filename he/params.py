"""Checked CKKS parameters for exact sums over one flat vector."""

import hashlib
import json
import math
from dataclasses import dataclass
from functools import cached_property

from he.errors import InsecureParametersError, ParametersError
from he.security import MAX_LOG_Q, security_bits, smallest_degree

_PRIME_BITS = range(20, 61)
_FAILURE_BITS = 64
_FRESH_VARIANCE = 21 / 2 + 1 / 4
_UNIT_ROUNDOFF = 2.0**-53


@dataclass(frozen=True)
class CkksParams:
    """Parameters under which the sum of up to max_clients vectors comes out exactly on a grid.

    Values are multiples of `step` = 2^-step_bits in [-max_abs, max_abs], encoded with scale 2^scale_bits.
    `modulus_bits` are the data prime and the special prime; additions need no more.

    Raises:
        InsecureParametersError: below 128-bit security.
        ParametersError: a sum may wrap around the data prime, or the noise may reach the rounding step.
    """

    poly_degree: int = 4096
    modulus_bits: tuple[int, int] = (53, 53)
    scale_bits: int = 40
    step_bits: int = 24
    max_abs: float = 32.0
    max_clients: int = 64

    def __post_init__(self) -> None:
        self._require_types()
        self._require_ranges()
        self._require_security()
        self._require_capacity()
        self._require_precision()

    @property
    def log_q(self) -> int:
        """Bits of the whole modulus, special prime included."""
        return sum(self.modulus_bits)

    @property
    def security_bits(self) -> int:
        """Classical security level: 128, 192 or 256."""
        return security_bits(self.poly_degree, self.log_q)

    @property
    def slots(self) -> int:
        """Values in one ciphertext."""
        return self.poly_degree // 2

    @property
    def step(self) -> float:
        """Distance between two representable values."""
        return 2.0**-self.step_bits

    @property
    def capacity(self) -> int:
        """Most contributors of `max_abs` whose sum stays below half the data prime q0.

        A coefficient of an encoded vector is at most scale * max |slot|, as the inverse embedding averages.
        q0 counts as 2^(bits - 1), the least a prime of that length can be; SEAL takes the primes just below
        2^bits, so the real headroom is twice the one counted.
        """
        return int(2.0 ** (self.modulus_bits[0] - 2 - self.scale_bits) / self.max_abs)

    def noise_bound(self, clients: int) -> float:
        """Largest error of a slot of a sum of fresh symmetric ciphertexts, before rounding.

        A coefficient of a fresh ciphertext carries encryption noise of variance 21/2 (SEAL's centred
        binomial) and the encoder's rounding (sub-Gaussian, 1/4). The real part of a slot weighs the N
        coefficients with cosines whose squares add up to N/2, so a slot of the sum of K ciphertexts is
        sub-Gaussian with variance K N/2 (21/2 + 1/4) / scale^2, and exceeds sqrt(2 ln2 (64 + 1)) standard
        deviations with a probability below 2^-64.
        To this comes the float64 error of both embeddings, 2 * 7 u log2(N) sqrt(N) * |sum|
        (Higham, Accuracy and Stability of Numerical Algorithms, Theorem 24.2).
        """
        deviation = math.sqrt(clients * self.slots * _FRESH_VARIANCE) / 2.0**self.scale_bits
        tail = math.sqrt(2 * math.log(2) * (_FAILURE_BITS + 1))
        embedding = 14 * _UNIT_ROUNDOFF * math.log2(self.poly_degree) * math.sqrt(self.poly_degree)
        return tail * deviation + embedding * clients * self.max_abs

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 of the canonical description, 32 bytes."""
        described = [self.poly_degree, list(self.modulus_bits), self.scale_bits, self.step_bits]
        text = json.dumps([*described, float(self.max_abs), self.max_clients], separators=(",", ":"))
        return hashlib.sha256(b"gradveil ckks params v1\0" + text.encode()).digest()

    def _require_types(self) -> None:
        bits = self.modulus_bits
        if not isinstance(bits, tuple) or len(bits) != 2:
            raise ParametersError(
                "modulus_bits is not a pair; give (data prime, special prime), sums need no more"
            )
        whole = (self.poly_degree, *bits, self.scale_bits, self.step_bits, self.max_clients)
        if any(type(number) is not int for number in whole):
            raise ParametersError("a parameter is not a whole number; give int for all but max_abs")

    def _require_ranges(self) -> None:
        if self.poly_degree not in MAX_LOG_Q:
            raise ParametersError(
                f"poly_degree {self.poly_degree} is unknown; choose among {sorted(MAX_LOG_Q)}"
            )
        if any(bits not in _PRIME_BITS for bits in self.modulus_bits):
            raise ParametersError(f"modulus_bits {self.modulus_bits} outside 20..60; SEAL's primes lie there")
        if not 0 < self.step_bits < self.scale_bits < self.modulus_bits[0]:
            raise ParametersError(
                "bits out of order; choose 0 < step_bits < scale_bits < bits of the data prime"
            )
        if self.max_clients < 1 or not self.max_abs > 0:
            raise ParametersError("max_clients and max_abs must be positive; raise them")
        if not (self.max_abs / self.step).is_integer():
            raise ParametersError(f"max_abs {self.max_abs} is off the grid; take a multiple of {self.step}")

    def _require_security(self) -> None:
        if self.security_bits:
            return
        limit, degree = MAX_LOG_Q[self.poly_degree][128], smallest_degree(self.log_q)
        larger = f" or poly_degree={degree}" if degree else ""
        raise InsecureParametersError(
            f"{self.log_q} bits of modulus at poly_degree {self.poly_degree} are below 128-bit security; "
            f"use at most {limit} bits{larger} (eprint 2024/463, Table 5.2)"
        )

    def _require_capacity(self) -> None:
        if self.max_clients > self.capacity:
            raise ParametersError(
                f"the sum of {self.max_clients} clients may wrap around, {self.capacity} fit; "
                "lower max_clients, max_abs or scale_bits, or enlarge the data prime"
            )

    def _require_precision(self) -> None:
        noise = self.noise_bound(self.max_clients)
        if noise > self.step / 4:
            raise ParametersError(
                f"noise of {noise:.2g} exceeds a quarter of the step {self.step:.2g}; "
                "raise scale_bits, or lower step_bits, max_abs or max_clients"
            )
