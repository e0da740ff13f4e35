"""What packed BFV and complex CKKS share: one prime, residues packed to the bit, seeds for c1."""

from abc import abstractmethod
from dataclasses import dataclass

from he.params import noise
from he.params.base import Encryption, Params
from he.residues import packed_bytes

SEED_BYTES = 64
"""Length of the seed that stands for the second polynomial of a shared-key ciphertext."""


@dataclass(frozen=True, kw_only=True)
class RingParams(Params):
    """Raw SEAL with one prime q.

    Attributes:
        modulus_bits: bits of q; no special prime, as sums need none.
    """

    modulus_bits: int

    @property
    def primes(self) -> tuple[int, ...]:
        """The one prime."""
        return (self.modulus_bits,)

    @property
    def polynomial_bytes(self) -> int:
        """Bytes of a whole packed polynomial."""
        return packed_bytes(self.poly_degree, self.modulus_bits)

    @property
    def coefficient_variance(self) -> float:
        """Variance proxy of the noise of a coefficient of a fresh ciphertext."""
        if self.encryption is Encryption.PUBLIC_KEY:
            return noise.public_key_variance(self.poly_degree)
        return noise.shared_key_variance()

    @abstractmethod
    def coefficients(self, count: int) -> int:
        """Coefficients of c0 that `count` values of one chunk need."""

    def upload_bytes(self, count: int) -> int:
        """c0 where it is needed, and the seed of each c1, or c1 itself under a public key."""
        if self.encryption is Encryption.PUBLIC_KEY:
            return self.sum_bytes(count)
        return self._first_bytes(count) + self.chunks(count) * SEED_BYTES

    def sum_bytes(self, count: int) -> int:
        """c0 where it is needed, and all of c1."""
        return self._first_bytes(count) + self.chunks(count) * self.polynomial_bytes

    def _first_bytes(self, count: int) -> int:
        full, rest = divmod(count, self.values_per_chunk)
        last = packed_bytes(self.coefficients(rest), self.modulus_bits) if rest else 0
        return full * self.polynomial_bytes + last
