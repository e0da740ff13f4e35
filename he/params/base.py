"""What all schemes' parameters have in common: values on a grid, exact sums, a checked security level."""

import hashlib
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, ClassVar, Self

from he.errors import CapacityError, InsecureParametersError, ParametersError
from he.params.search import cheapest
from he.security import LEVELS, MAX_LOG_Q, security_bits, smallest_degree

MAX_VALUES = 2**27
"""Longest vector of one frame: half a gigabyte of packed ciphertext."""

_PRIME_BITS = range(30, 61)
_MAX_CLIENTS = 2**16 - 1
_MAX_STEP_BITS = 60


class Encryption(StrEnum):
    """How clients encrypt: with the secret key that they share, or with a public key."""

    SHARED_KEY = "shared-key"
    PUBLIC_KEY = "public-key"


@dataclass(frozen=True, kw_only=True)
class Params(ABC):
    """Parameters under which sums of up to max_clients vectors come out exactly on a grid.

    Attributes:
        poly_degree: N, coefficients of a polynomial.
        step_bits: values are multiples of 2^-step_bits.
        max_abs: largest magnitude of a value, a multiple of the step.
        max_clients: most contributors to a sum; with server-side weights, the largest sum of weights.
        encryption: under the shared secret key (half the bytes), or under a public key.

    Raises:
        InsecureParametersError: below 128-bit security.
        ParametersError: a sum may wrap around, or the noise may reach the rounding step.
    """

    poly_degree: int = 4096
    step_bits: int
    max_abs: float
    max_clients: int = 64
    encryption: Encryption = Encryption.SHARED_KEY
    scheme: ClassVar[str]

    def __post_init__(self) -> None:
        self._require_types()
        self._require_ranges()
        self._require_security()
        self._require_capacity()

    @classmethod
    def for_(
        cls,
        *,
        clients: int,
        value_range: float,
        precision_bits: int,
        security: int = 128,
        encryption: Encryption = Encryption.SHARED_KEY,
    ) -> Self:
        """The cheapest parameters on the wire that do what is asked.

        Args:
            clients: most contributors to a sum.
            value_range: largest magnitude of a value.
            precision_bits: the step is at most value_range / 2^precision_bits.
            security: 128, 192 or 256 bits.
            encryption: see `Encryption`.

        Raises:
            ParametersError: nothing within one machine-word prime does; the message says what would fit.
        """
        _require_wishes(clients, value_range, precision_bits, security)
        for bits in range(precision_bits, 0, -1):
            builders = cls._builders(clients, *grid(value_range, bits), encryption)
            found = cheapest(builders, security)
            if found is not None and bits == precision_bits:
                return found
            if found is not None:
                raise ParametersError(
                    f"no {cls.scheme} parameters of {security} bits security carry {precision_bits} bits for "
                    f"{clients} clients in one prime; lower precision_bits to {bits}, or clients"
                )
        raise ParametersError(f"{clients} clients are too many for one {cls.scheme} sum; split them")

    @classmethod
    @abstractmethod
    def _builders(
        cls, clients: int, step_bits: int, max_abs: float, encryption: Encryption
    ) -> Iterable[Callable[..., Self]]:
        """Ways to carry this grid; each takes `modulus_bits` and gives parameters, or raises."""

    @property
    @abstractmethod
    def primes(self) -> tuple[int, ...]:
        """Bits of all primes, a special prime included."""

    @property
    @abstractmethod
    def values_per_chunk(self) -> int:
        """Values in one ciphertext."""

    @property
    @abstractmethod
    def capacity(self) -> int:
        """Largest sum of weights for which a sum of `max_abs` everywhere cannot wrap around."""

    @property
    @abstractmethod
    def noise_capacity(self) -> int:
        """Largest sum of squared weights for which the noise stays where rounding removes it."""

    @abstractmethod
    def upload_bytes(self, count: int) -> int:
        """Bytes of a client's ciphertexts of `count` values."""

    @abstractmethod
    def sum_bytes(self, count: int) -> int:
        """Bytes of a sum of ciphertexts of `count` values."""

    @property
    def log_q(self) -> int:
        """Bits of the whole modulus."""
        return sum(self.primes)

    @property
    def security_bits(self) -> int:
        """Classical security level: 128, 192 or 256."""
        return security_bits(self.poly_degree, self.log_q)

    @property
    def step(self) -> float:
        """Distance between two representable values."""
        return 2.0**-self.step_bits

    @property
    def max_steps(self) -> int:
        """`max_abs` in steps."""
        return int(self.max_abs / self.step)

    def error_bound(self, clients: int) -> float:
        """Largest distance of a decrypted sum from the sum of what the clients passed in."""
        return clients * self.step / 2

    def chunks(self, count: int) -> int:
        """Ciphertexts that `count` values fill; CapacityError outside 1 .. MAX_VALUES."""
        if not 1 <= count <= MAX_VALUES:
            raise CapacityError(f"{count} values are not in 1 .. {MAX_VALUES}; split the vector")
        return -(-count // self.values_per_chunk)

    def chunk_sizes(self, count: int) -> list[int]:
        """Values in each of the ciphertexts of `count` values: all full but the last."""
        size = self.values_per_chunk
        return [min(size, count - done) for done in range(0, count, size)]

    def require_room(self, weight: int, squares: int) -> None:
        """Raise CapacityError unless a sum of these weights and squared weights stays exact."""
        if weight > self.max_clients:
            raise CapacityError(
                f"weights add up to {weight}, max_clients is {self.max_clients}; open another sum or raise it"
            )
        if squares > self.noise_capacity:
            raise CapacityError(
                f"squared weights add up to {squares}, {self.noise_capacity} fit; use smaller weights"
            )

    def describe(self) -> dict[str, Any]:
        """All choices, for `from_description`."""
        return {"scheme": self.scheme, **asdict(self)}

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 of the canonical description, 32 bytes."""
        text = json.dumps(self.describe(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(b"gradveil he params v2\0" + text.encode()).digest()

    def _require_types(self) -> None:
        whole = (self.poly_degree, *self.primes, self.step_bits, self.max_clients)
        if any(type(number) is not int for number in whole):
            raise ParametersError("a parameter is not a whole number; give int for all but max_abs")
        if type(self.max_abs) is not float or not math.isfinite(self.max_abs):
            raise ParametersError("max_abs is no finite float; give the largest magnitude of a value")
        if not isinstance(self.encryption, Encryption):
            raise ParametersError("encryption is unknown; choose Encryption.SHARED_KEY or PUBLIC_KEY")

    def _require_ranges(self) -> None:
        if self.poly_degree not in MAX_LOG_Q:
            raise ParametersError(
                f"poly_degree {self.poly_degree} is unknown; choose among {sorted(MAX_LOG_Q)}"
            )
        if any(bits not in _PRIME_BITS for bits in self.primes):
            raise ParametersError(f"primes of {self.primes} bits; choose 30 to 60 bits for each")
        if abs(self.step_bits) > _MAX_STEP_BITS:
            raise ParametersError(f"step_bits {self.step_bits} is outside -60 .. 60; choose another step")
        if not 1 <= self.max_clients <= _MAX_CLIENTS or not self.max_abs > 0:
            raise ParametersError(f"max_clients outside 1 .. {_MAX_CLIENTS} or max_abs not positive")
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
                f"the sum of {self.max_clients} clients may wrap around, {max(self.capacity, 0)} fit; "
                "lower max_clients, max_abs or step_bits, or let for_() choose"
            )
        if self.max_clients > self.noise_capacity:
            raise ParametersError(
                f"the noise of {self.max_clients} clients may reach the rounding step, "
                f"{max(self.noise_capacity, 0)} fit; lower max_clients or step_bits, or let for_() choose"
            )


def least_prime(bits: int) -> float:
    """A lower bound of the primes that SEAL takes for a length: it searches downward from 2^bits.

    `he.schemes.ring` refuses a prime below this bound.
    """
    return 2.0**bits * (1 - 2**-8)


def _require_wishes(clients: int, value_range: float, precision_bits: int, security: int) -> None:
    if security not in LEVELS:
        raise ParametersError(f"security of {security} bits; choose among {LEVELS}")
    if type(clients) is not int or clients < 1:
        raise ParametersError(f"clients {clients!r} is no positive int; give the most contributors of a sum")
    if clients > _MAX_CLIENTS:
        raise ParametersError(f"{clients} clients are too many for one sum, {_MAX_CLIENTS} fit; split them")
    if type(precision_bits) is not int or not 1 <= precision_bits <= _MAX_STEP_BITS:
        raise ParametersError(f"precision_bits {precision_bits!r} is no int in 1 .. {_MAX_STEP_BITS}")
    if not 2.0**-_MAX_STEP_BITS <= value_range <= 2.0**_MAX_STEP_BITS:
        raise ParametersError(f"value_range {value_range} not in 2^-60 .. 2^60; give the largest magnitude")


def grid(value_range: float, precision_bits: int) -> tuple[int, float]:
    """`step_bits` and `max_abs` of the coarsest power-of-two grid that is fine enough."""
    step_bits = math.ceil(precision_bits - math.log2(value_range))
    return step_bits, math.ceil(value_range * 2.0**step_bits) * 2.0**-step_bits
