"""Plain tenseal vectors under the parameters that frameworks ship: for comparison and migration."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product
from typing import ClassVar, Self

import numpy as np

from he.errors import ParametersError
from he.params import noise
from he.params.base import Encryption
from he.params.slots import SlotParams

_BYTE_ENTROPY_SLACK = 0.02
_LENGTH_BYTES = 4


@dataclass(frozen=True, kw_only=True)
class TensealVectorParams(SlotParams):
    """CKKS as `tenseal.ckks_vector` does it: one real a slot, several primes, no seeds.

    The defaults are NVFlare's. Decrypted sums are rounded to the grid here, which the frameworks do not do.

    Attributes:
        modulus_bits: bits of the data primes and, last, of the special prime.
    """

    poly_degree: int = 8192
    modulus_bits: tuple[int, ...] = (60, 40, 40)
    step_bits: int = 18
    max_abs: float = 32.0
    scheme: ClassVar[str] = "tenseal-vector"

    @classmethod
    def nvflare(cls) -> Self:
        """NVFlare's homomorphic encryption app: symmetric, N = 8192, 60 + 40 + 40 bits, scale 2^40."""
        return cls()

    @classmethod
    def maskcrypt(cls) -> Self:
        """MaskCrypt on Plato: public key, N = 8192, 60 + 40 + 40 + 60 bits, scale 2^40."""
        return cls(modulus_bits=(60, 40, 40, 60), encryption=Encryption.PUBLIC_KEY)

    @classmethod
    def fedml_he(cls) -> Self:
        """FedML-HE's depth and scale on tenseal: public key, N = 8192, 60 + 52 + 60 bits, scale 2^52."""
        return cls(modulus_bits=(60, 52, 60), scale_bits=52, encryption=Encryption.PUBLIC_KEY)

    @classmethod
    def _builders(
        cls, clients: int, step_bits: int, max_abs: float, encryption: Encryption
    ) -> Iterable[Callable[..., Self]]:
        raise ParametersError("these parameters are the frameworks' own; for a choice use CkksParams.for_()")

    @property
    def primes(self) -> tuple[int, ...]:
        """Data primes and the special prime."""
        return self.modulus_bits

    @property
    def values_per_chunk(self) -> int:
        """One real in each slot."""
        return self.poly_degree // 2

    @property
    def data_primes(self) -> tuple[int, ...]:
        """All but the special prime."""
        return self.modulus_bits[:-1]

    @property
    def largest_slot(self) -> float:
        """One real."""
        return self.max_abs

    @property
    def coefficient_variance(self) -> float:
        """Under a public key, SEAL encrypts with the special prime in and divides it out."""
        if self.encryption is Encryption.PUBLIC_KEY:
            return noise.switched_variance(self.poly_degree)
        return noise.shared_key_variance()

    @property
    def chunk_bytes(self) -> int:
        """Bytes that every serialised ciphertext is padded to, its length included.

        A residue of b random bits lies in 8 bytes: some uniform, one partly filled, the rest zero. SEAL's
        zstd stays within 1.6 % of the raw size above that mixture's entropy (measured, b = 40..60).
        """
        raw = 2 * 8 * self.poly_degree * len(self.data_primes)
        return _LENGTH_BYTES + int(raw * (_byte_entropy(self.data_primes) + _BYTE_ENTROPY_SLACK))

    def upload_bytes(self, count: int) -> int:
        """As many as a sum has: tenseal neither seeds nor packs."""
        return self.sum_bytes(count)

    def sum_bytes(self, count: int) -> int:
        """Padded ciphertexts."""
        return self.chunks(count) * self.chunk_bytes

    def _require_types(self) -> None:
        if not isinstance(self.modulus_bits, tuple) or len(self.modulus_bits) < 2:
            raise ParametersError("modulus_bits needs data primes and a special prime; give at least two")
        super()._require_types()


def _byte_entropy(primes: tuple[int, ...]) -> float:
    """Share of 8 bits that a byte needs on average if all bytes of all residues share one code."""
    share = np.zeros(256)
    for bits, byte in product(primes, range(8)):
        filled = min(8, max(0, bits - 8 * byte))
        share[: 2**filled] += 2.0**-filled / (8 * len(primes))
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum()) / 8
