"""Subsets of an ordered list of clients, one bit each."""

from collections.abc import Collection, Sequence

import numpy as np

from gradveil.exchange import WireError


def bitmap_bytes(size: int) -> int:
    """Bytes of a bitmap over `size` clients."""
    return (size + 7) // 8


def to_bitmap(members: Collection[str], order: Sequence[str]) -> bytes:
    """One bit for each client of `order`, lowest bit first."""
    chosen = frozenset(members)
    return np.packbits([name in chosen for name in order], bitorder="little").tobytes()


def from_bitmap(data: bytes, order: Sequence[str]) -> tuple[str, ...]:
    """The members, in order; WireError for another length or a bit behind the last client."""
    if len(data) != bitmap_bytes(len(order)):
        raise WireError(f"a bitmap of {len(data)} bytes for {len(order)} clients; the message is damaged")
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    if bits[len(order) :].any():
        raise WireError("a bitmap names clients that do not exist; the message is damaged")
    return tuple(name for name, bit in zip(order, bits, strict=False) if bit)
