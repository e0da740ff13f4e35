"""What everybody can see of a CKKS aggregation: parameters, ciphertexts and published decryptions."""

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from attacks.keyrecovery.errors import TranscriptError
from attacks.keyrecovery.primes import is_prime

Ciphertext: TypeAlias = tuple[NDArray[np.uint64], NDArray[np.uint64]]
Published: TypeAlias = NDArray[np.complex128] | NDArray[np.float64]

_MAX_DEGREE = 2**17
_MAX_MODULUS = 2**64
_HEADROOM = 4
"""Sums of slots and their doubles must not overflow on the way to coefficients."""


@dataclass(frozen=True, eq=False)
class CkksTranscript:
    """Ciphertexts under one key and, in the same order, what was published as their decryptions.

    Attributes:
        poly_degree: ring degree N, a power of two.
        modulus: prime q = 1 mod 2N. Of a chain of several primes any one will do.
        scale: integer units of a coefficient per unit of a published value. Of a published mean over k
            contributors: k times the scale of the ciphertexts.
        ciphertexts: pairs (c0, c1) that decrypt to c0 + c1 s; uint64 (N,) residues mod q in SEAL's
            transformed (NTT) form.
        published: all slots of each decryption, complex128 (N/2,), or their real parts, float64 (N/2,).

    Raises:
        TranscriptError: an attribute is not of this form, or the transcript is empty.
    """

    poly_degree: int
    modulus: int
    scale: float
    ciphertexts: tuple[Ciphertext, ...]
    published: tuple[Published, ...]

    def __post_init__(self) -> None:
        _require_ring(self.poly_degree, self.modulus)
        if not (math.isfinite(self.scale) and self.scale >= 1):
            raise TranscriptError(f"the scale is {self.scale}; give that of the ciphertexts, 1 or more")
        if not 0 < len(self.ciphertexts) == len(self.published):
            raise TranscriptError(
                f"{len(self.ciphertexts)} ciphertexts with {len(self.published)} published vectors; "
                "give one or more ciphertexts and one published vector for each"
            )
        for ciphertext in self.ciphertexts:
            self._require_ciphertext(ciphertext)
        for published in self.published:
            self._require_published(published)

    def _require_ciphertext(self, parts: Ciphertext) -> None:
        if not isinstance(parts, tuple) or len(parts) != 2:
            raise TranscriptError("a ciphertext is not a pair (c0, c1); give ciphertexts of degree one in s")
        for part in parts:
            _require_array(part, (np.uint64,), self.poly_degree, "a ciphertext polynomial")
            if part.max() >= self.modulus:
                raise TranscriptError("a residue is not below the modulus; give the residues mod this prime")

    def _require_published(self, slots: Published) -> None:
        _require_array(slots, (np.complex128, np.float64), self.poly_degree // 2, "a published vector")
        with np.errstate(over="ignore", invalid="ignore"):
            finite = np.isfinite(slots * (_HEADROOM * self.scale * self.poly_degree))
        if not finite.all():
            raise TranscriptError(
                "a published value times the scale is not finite; drop that ciphertext or correct the scale"
            )


def _require_ring(degree: int, modulus: int) -> None:
    # numpy's integers would overflow in the arithmetic mod q.
    if type(degree) is not int or type(modulus) is not int:
        raise TranscriptError("poly_degree or modulus is not an int; convert it")
    if not 2 <= degree <= _MAX_DEGREE or degree & (degree - 1):
        raise TranscriptError(f"poly_degree {degree} is no power of two from 2 to 2^17; give the ring degree")
    if not 0 < modulus < _MAX_MODULUS or modulus % (2 * degree) != 1 or not is_prime(modulus):
        raise TranscriptError(
            f"modulus {modulus} is no 64-bit prime that is 1 mod {2 * degree}; give one prime of the chain"
        )


def _require_array(array: object, dtypes: tuple[type[Any], ...], size: int, what: str) -> None:
    if not isinstance(array, np.ndarray) or array.dtype not in dtypes or array.shape != (size,):
        names = " or ".join(dtype.__name__ for dtype in dtypes)
        raise TranscriptError(f"{what} is not a {names} array of {size} elements; convert or cut it")
