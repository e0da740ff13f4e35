"""CKKS parameters: two reals in a slot and a single prime."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Self, TypeVar

from he.errors import ParametersError
from he.params.base import Encryption
from he.params.ring import RingParams
from he.params.search import DEGREES
from he.params.slots import SlotParams

P = TypeVar("P", bound="CkksParams")


@dataclass(frozen=True, kw_only=True)
class CkksParams(RingParams, SlotParams):
    """CKKS with complex slots and one prime q; attributes as of its bases."""

    modulus_bits: int = 54
    scale_bits: int = 41
    step_bits: int = 24
    max_abs: float = 32.0
    scheme: ClassVar[str] = "ckks"

    @classmethod
    def _builders(
        cls, clients: int, step_bits: int, max_abs: float, encryption: Encryption
    ) -> Iterable[Callable[..., Self]]:
        for poly_degree in DEGREES:
            common = partial(
                cls,
                poly_degree=poly_degree,
                step_bits=step_bits,
                max_abs=max_abs,
                max_clients=clients,
                encryption=encryption,
            )
            yield partial(_with_smallest_scale, common)

    @property
    def data_primes(self) -> tuple[int, ...]:
        """The one prime."""
        return self.primes

    @property
    def values_per_chunk(self) -> int:
        """Real and imaginary part of each of N/2 slots."""
        return self.poly_degree

    @property
    def largest_slot(self) -> float:
        """Both parts at max_abs."""
        return math.sqrt(2) * self.max_abs

    def coefficients(self, count: int) -> int:
        """All of them: a slot is made of every coefficient."""
        return self.poly_degree


def _with_smallest_scale(build: partial[P], modulus_bits: int) -> P:
    # A fresh ciphertext's slots carry more than 2^12 units of noise at any degree in use.
    for scale_bits in range(max(build.keywords["step_bits"] + 12, 1), modulus_bits):
        try:
            return build(modulus_bits=modulus_bits, scale_bits=scale_bits)
        except ParametersError:
            continue
    raise ParametersError(f"no scale fits a prime of {modulus_bits} bits")
