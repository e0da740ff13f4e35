"""Vectors of integers modulo 2^b, b from 8 to 64, in the smallest numpy integers that hold them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradveil.exchange.bits import word_dtype
from secagg.errors import OverflowRefusedError

Ring = NDArray[np.unsignedinteger[Any]]
"""Little-endian uint8, 16, 32 or 64 vector, shape (n + 1 + c,): n weighted values, the weight, c counters."""

MODULI = range(8, 65)
"""Bits of the moduli."""


def ring_dtype(bits: int) -> np.dtype[np.unsignedinteger[Any]]:
    """The smallest little-endian unsigned integer for residues modulo 2^bits.

    Raises:
        OverflowRefusedError: bits beyond 8 .. 64.
    """
    if bits not in MODULI:
        raise OverflowRefusedError(f"modulus of {bits} bits; choose 8 to 64")
    return word_dtype(bits)


def reduce(ring: Ring, bits: int) -> Ring:
    """Residues modulo 2^bits in place: clears the top bits that sums and masks leave; returns `ring`.

    2^bits divides 2^width, so sums and masks may wrap at the width of the dtype until then.
    """
    if bits < 8 * ring.itemsize:
        np.bitwise_and(ring, ring.dtype.type((1 << bits) - 1), out=ring)
    return ring


def centred(ring: Ring, bits: int) -> NDArray[np.signedinteger[Any]]:
    """The representatives -2^(bits - 1) .. 2^(bits - 1) - 1 of a vector (n,), signed, of the same width."""
    half = ring.dtype.type(1 << (bits - 1))
    # Two's complement at `bits` becomes that of the dtype: 0 .. 2^b - 1 shifted by half, and back, wraps.
    shifted = reduce(ring + half, bits)
    shifted -= half
    return shifted.view(f"<i{ring.itemsize}")
