"""How many levels fit into a ring, and which ring holds a sum: exact integers, refusals with advice."""

from secagg.errors import OverflowRefusedError
from secagg.residues import MODULI

BITS = range(2, 54)
"""Quantisation bits; float64 stops counting after 2^53."""


def levels_of(bits: int) -> int:
    """Levels on each side of zero of a signed, symmetric `bits`-bit integer."""
    return (1 << (bits - 1)) - 1


def room(clients: int, weight: int, modulus_bits: int) -> int:
    """Most levels for which clients * weight * levels < 2^(modulus_bits - 1)."""
    return levels_of(modulus_bits) // (clients * weight)


def modulus_for(clients: int, weight: int, bits: int, headroom: int) -> int:
    """Least b with 2^b >= 2 * s + 1, s = clients * weight * levels + headroom, but at least 8.

    A signed sum takes the 2 * s + 1 values -s .. s. Their number is odd, so 2^b is also at least 2 * s + 2
    and s at most 2^(b - 1) - 1: both ends fit two's complement.

    Raises:
        OverflowRefusedError: b would exceed 64.
    """
    most = clients * weight * levels_of(bits) + headroom
    modulus_bits = max((2 * most).bit_length(), MODULI[0])
    excess = modulus_bits - MODULI[-1]
    if excess > 0:
        raise OverflowRefusedError(
            f"the sum needs {modulus_bits} bits of at most 64; lower bits by {excess}, "
            f"or max_weight or max_clients {1 << excess} times"
        )
    return modulus_bits


def require_bounds(clients: int, weight: int, bits: int | None) -> None:
    """Raise OverflowRefusedError unless there are clients and weights, and 2 to 53 quantisation bits."""
    if clients < 1 or weight < 1:
        raise OverflowRefusedError("max_clients and max_weight must be at least 1; set them to real bounds")
    if bits is not None and bits not in BITS:
        raise OverflowRefusedError(f"{bits} quantisation bits; choose 2 to 53")


def require_room(clients: int, weight: int, modulus_bits: int, levels: int) -> None:
    """Raise OverflowRefusedError, with what to change, unless this many levels fit into the ring."""
    found = room(clients, weight, modulus_bits)
    if found >= levels:
        return
    needed = (2 * clients * weight * levels).bit_length()
    wider = f"set modulus_bits={needed}" if needed <= MODULI[-1] else "lower max_clients"
    most = room(clients, levels, modulus_bits)
    lower = f" or max_weight to {most} or less" if most else ""
    raise OverflowRefusedError(f"room for {found} levels, {levels} needed; {wider}{lower}")
