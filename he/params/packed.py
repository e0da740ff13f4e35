"""BFV parameters: several fixed-point fields in one polynomial coefficient, exact integer sums."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import ClassVar, Self

from he.errors import ParametersError
from he.params import noise
from he.params.base import Encryption, least_prime
from he.params.ring import RingParams
from he.params.search import DEGREES

_MAX_FIELDS = 3


@dataclass(frozen=True, kw_only=True)
class PackedParams(RingParams):
    """BFV with one prime q and plaintext modulus t = 2^(fields * field_bits).

    A coefficient carries `fields` signed sums of `field_bits` bits side by side. A fresh ciphertext holds
    round(q m / t) + e; a sum decrypts exactly while its noise stays below q / 2t
    (Fan and Vercauteren, eprint 2012/144, Section 4).

    Attributes:
        fields: values in one coefficient, 1 to 3.
        field_bits: bits of a field, sign included.
    """

    modulus_bits: int = 56
    fields: int = 2
    field_bits: int = 23
    step_bits: int = 15
    max_abs: float = 1.0
    scheme: ClassVar[str] = "packed"

    @classmethod
    def _builders(
        cls, clients: int, step_bits: int, max_abs: float, encryption: Encryption
    ) -> Iterable[Callable[..., Self]]:
        field_bits = int(clients * max_abs * 2.0**step_bits).bit_length() + 1
        for poly_degree, fields in product(DEGREES, range(1, _MAX_FIELDS + 1)):
            yield partial(
                cls,
                poly_degree=poly_degree,
                fields=fields,
                field_bits=field_bits,
                step_bits=step_bits,
                max_abs=max_abs,
                max_clients=clients,
                encryption=encryption,
            )

    @property
    def plain_bits(self) -> int:
        """log2 t."""
        return self.fields * self.field_bits

    @property
    def values_per_chunk(self) -> int:
        """One for each field of each coefficient."""
        return self.fields * self.poly_degree

    @property
    def capacity(self) -> int:
        """Weights whose sum of `max_steps` stays inside a signed field."""
        return ((1 << (self.field_bits - 1)) - 1) // self.max_steps

    @property
    def noise_capacity(self) -> int:
        """Squared weights whose noise stays below q / 2t, the rounding of each scaled message counted."""
        budget = least_prime(self.modulus_bits) / 2.0 ** (self.plain_bits + 1) - self.max_clients / 2
        return int(max(budget, 0) ** 2 / (noise.tail() ** 2 * self.coefficient_variance))

    def coefficients(self, count: int) -> int:
        """Those that the values fill: BFV reads each from its own coefficient."""
        return min(math.ceil(count / self.fields), self.poly_degree)

    def _require_types(self) -> None:
        super()._require_types()
        if type(self.fields) is not int or type(self.field_bits) is not int:
            raise ParametersError("fields and field_bits are whole numbers; give int")

    def _require_ranges(self) -> None:
        super()._require_ranges()
        if self.fields not in range(1, _MAX_FIELDS + 1) or self.field_bits < 2:
            raise ParametersError("fields are 1 to 3, of at least 2 bits each; let for_() choose")
        if self.plain_bits > self.modulus_bits - 2:
            raise ParametersError(
                f"{self.fields} fields of {self.field_bits} bits leave no room for noise in a prime of "
                f"{self.modulus_bits} bits; use fewer or smaller fields"
            )
