"""Ring vectors on the wire: b bits a coordinate, whatever the width of the numbers in memory."""

from gradveil.exchange import bits as bitstream
from secagg.errors import ProtocolError
from secagg.residues import Ring, ring_dtype


def packed_bytes(count: int, bits: int) -> int:
    """Bytes of `count` coordinates modulo 2^bits."""
    return bitstream.packed_bytes(count, bits)


def pack(ring: Ring, bits: int) -> bytes:
    """Residues modulo 2^bits of a ring vector (n,), ceil(n * bits / 8) bytes; top bits are dropped.

    A sum modulo 2^64 is also right modulo 2^b, so nothing needs to be reduced before.

    Raises:
        OverflowRefusedError: bits beyond 8 .. 64.
        ProtocolError: a vector of another ring.
    """
    if ring.dtype != ring_dtype(bits) or ring.ndim != 1:
        raise ProtocolError(f"{ring.dtype}{ring.shape} is no {bits}-bit vector; pack what encode returned")
    return bitstream.pack(ring, bits)


def unpack(data: bytes | memoryview, count: int, bits: int) -> Ring:
    """Residues 0 .. 2^bits - 1, shape (count,), writable; inverse of `pack`.

    Raises:
        OverflowRefusedError: bits beyond 8 .. 64.
        WireError: another length than ceil(count * bits / 8), or padding bits that are not zero.
    """
    ring_dtype(bits)
    return bitstream.unpack(data, count, bits)
