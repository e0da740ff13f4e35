"""Words of b bits side by side on the wire, without waste.

The words are the digits, in base 2^b, of one little-endian integer: word i fills bits b * i .. b * i + b - 1.
Bits that only fill up the last byte are zero, so a vector has one encoding.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradveil.exchange.errors import WireError

Words = NDArray[np.unsignedinteger[Any]]

_WIDTHS = (8, 16, 32, 64)
_BLOCK = 1 << 12  # groups of words at a time; their temporaries stay in the cache


def packed_bytes(count: int, bits: int) -> int:
    """Length of `pack` for `count` words of `bits` bits."""
    return (count * bits + 7) // 8


def word_dtype(bits: int) -> np.dtype[np.unsignedinteger[Any]]:
    """The smallest little-endian unsigned integer that holds `bits` bits; raises WireError beyond 1 .. 64."""
    width = next((width for width in _WIDTHS if 1 <= bits <= width), None)
    if width is None:
        raise WireError(f"no word has {bits} bits; choose 1 to 64")
    return np.dtype(f"<u{width // 8}")


def pack(words: Words, bits: int) -> bytes:
    """The low `bits` bits of each word (n,), in `packed_bytes(n, bits)` bytes.

    Raises:
        WireError: words narrower than `bits`, or bits beyond 1 .. 64.
    """
    width = 8 * words.itemsize
    if word_dtype(bits).itemsize > words.itemsize:
        raise WireError(f"{words.dtype} words have no {bits} bits; widen them")
    words = words.astype(words.dtype.newbyteorder("<"), copy=False)
    if bits == width:
        return words.tobytes()
    group, columns = _period(bits, width)
    packed = np.empty((-(-words.size // group), columns), dtype=words.dtype)
    for start in range(0, len(packed), _BLOCK):
        lanes = _lanes(words[start * group : (start + _BLOCK) * group], group)
        packed[start : start + _BLOCK] = _joined(lanes, bits, columns).T
    return packed.reshape(-1).view(np.uint8)[: packed_bytes(words.size, bits)].tobytes()


def unpack(data: bytes | memoryview, count: int, bits: int) -> Words:
    """`count` words, shape (count,) and dtype `word_dtype(bits)`, writable.

    Raises:
        WireError: not exactly `packed_bytes(count, bits)` bytes, padding that is not zero, or bits
            beyond 1 .. 64.
    """
    dtype = word_dtype(bits)
    _require_canonical(data, count, bits)
    width = 8 * dtype.itemsize
    if bits == width:
        return np.frombuffer(data, dtype=dtype).copy()
    group, columns = _period(bits, width)
    packed = _padded(data, -(-count // group), columns, dtype)
    words = np.empty((len(packed), group), dtype=dtype)
    for start in range(0, len(packed), _BLOCK):
        block = np.ascontiguousarray(packed[start : start + _BLOCK].T)
        words[start : start + _BLOCK] = _parted(block, bits, group).T
    return words.reshape(-1)[:count]


def _period(bits: int, width: int) -> tuple[int, int]:
    """After how many words the bit pattern starts at a word boundary again, and how many columns that is."""
    common = math.gcd(bits, width)
    return width // common, bits // common


def _lanes(words: Words, group: int) -> Words:
    """A copy with every group-th word in one row, shape (group, rows); zeros fill up the last group."""
    spare = -words.size % group
    if spare:
        words = np.append(words, np.zeros(spare, dtype=words.dtype))
    return np.array(words.reshape(-1, group).T, order="C")


def _joined(lanes: Words, bits: int, columns: int) -> Words:
    """The low bits of (group, rows) lanes side by side, shape (columns, rows)."""
    lanes &= lanes.dtype.type((1 << bits) - 1)
    width = 8 * lanes.itemsize
    joined = np.zeros((columns, lanes.shape[1]), dtype=lanes.dtype)
    for lane, word in enumerate(lanes):
        column, shift = divmod(lane * bits, width)
        joined[column] |= word << shift
        if shift + bits > width:
            joined[column + 1] |= word >> (width - shift)
    return joined


def _parted(block: Words, bits: int, group: int) -> Words:
    """Inverse of `_joined`: (columns, rows) to (group, rows)."""
    width = 8 * block.itemsize
    lanes = np.empty((group, block.shape[1]), dtype=block.dtype)
    for lane, word in enumerate(lanes):
        column, shift = divmod(lane * bits, width)
        np.right_shift(block[column], shift, out=word)
        if shift + bits > width:
            word |= block[column + 1] << (width - shift)
    lanes &= lanes.dtype.type((1 << bits) - 1)
    return lanes


def _padded(
    data: bytes | memoryview, rows: int, columns: int, dtype: np.dtype[np.unsignedinteger[Any]]
) -> Words:
    packed = np.zeros((rows, columns), dtype=dtype)
    packed.reshape(-1).view(np.uint8)[: len(data)] = np.frombuffer(data, dtype=np.uint8)
    return packed


def _require_canonical(data: bytes | memoryview, count: int, bits: int) -> None:
    needed = packed_bytes(count, bits)
    if count < 0 or len(data) != needed:
        raise WireError(f"{len(data)} bytes are not the {needed} of {count} {bits}-bit words; drop them")
    used = (count * bits) % 8
    if used and data[-1] >> used:
        raise WireError("padding bits are not zero; drop these bytes")
