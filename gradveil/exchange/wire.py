"""Strict, canonical envelopes for bytes that come from somebody else.

An envelope is one MessagePack array `[magic, kind, version, field, ...]`. Decoding checks the size before
parsing, then magic, kind, version, number and exact type of the fields, and finally that encoding the
result again gives the same bytes: there is one valid form for each message and nothing rides along.
"""

from collections.abc import Sequence
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

from gradveil.exchange.errors import WireError

MAGIC = "gradveil"

MAX_DEPTH = 3
"""Lists inside one another, the envelope itself counted."""

MAX_ITEMS = 1 << 17
"""Items of all lists together."""

_MAX_START = 64
"""Bytes within which magic and kind of every envelope end."""

# First bytes of MessagePack's lists, and of its integers, booleans, floats, texts and byte strings.
_LISTS = frozenset((*range(0x90, 0xA0), 0xDC, 0xDD))
_SCALARS = frozenset((*range(0x80), *range(0xA0, 0xC0), *range(0xC2, 0xC7), *range(0xCA, 0xD4)))
_SCALARS |= frozenset((*range(0xD9, 0xDC), *range(0xE0, 0x100)))


def pack(kind: str, version: int, fields: Sequence[object]) -> bytes:
    """Encode one message; fields are int, float, str, bytes, lists of these, or lists of such lists."""
    packed: bytes = msgpack.packb([MAGIC, kind, version, *fields], use_bin_type=True)
    return packed


def unpack(data: bytes, kind: str, version: int, types: Sequence[type], *, max_bytes: int) -> list[Any]:
    """Decode one message of exactly this kind, version and field types.

    Raises:
        WireError: size over `max_bytes`, truncated, trailing bytes, another kind or version, or a field
            of the wrong type.
    """
    if len(data) > max_bytes:
        raise WireError(f"{kind}: {len(data)} bytes exceed the limit of {max_bytes}; ask for a new one")
    try:
        message = _Reader(data).read_all()
    except (ValueError, IndexError, msgpack.exceptions.UnpackException) as error:
        reason = str(error) or "truncated"
        raise WireError(f"{kind}: not decodable ({reason}); the bytes are damaged, resend") from error
    fields = _fields_after_header(message, kind, version)
    _require_types(fields, types, kind)
    if pack(kind, version, fields) != data:
        raise WireError(f"{kind}: not in canonical form; encode it with to_bytes()")
    return fields


def kind_of(data: bytes) -> str:
    """The kind that an envelope claims, read from its first 64 bytes; `unpack` checks all the rest.

    Raises:
        WireError: no start of an envelope, or not in canonical form.
    """
    try:
        return _Reader(data[:_MAX_START]).read_kind()
    except (ValueError, IndexError, msgpack.exceptions.UnpackException) as error:
        raise WireError("no gradveil message; check where these bytes come from") from error


class _Reader:
    """Reads scalars and shallow lists within a budget of items: few bytes never become big objects."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._budget = MAX_ITEMS
        self._unpacker = msgpack.Unpacker(raw=False, max_buffer_size=max(len(data), 1))
        self._unpacker.feed(data)

    def read_all(self) -> object:
        message = self._read(MAX_DEPTH)
        if self._unpacker.tell() != len(self._data):
            raise ValueError("trailing bytes")
        return message

    def read_kind(self) -> str:
        count = self._unpacker.read_array_header()
        magic, kind = self._read(0), self._read(0)
        if count < 3 or magic != MAGIC or not isinstance(kind, str):
            raise ValueError("no start of an envelope")
        if not self._data.startswith(_start(count, kind)):
            raise ValueError("not in canonical form")
        return kind

    def _read(self, depth: int) -> object:
        first = self._data[self._unpacker.tell()]
        if first in _LISTS:
            return self._list(depth)
        if first not in _SCALARS:
            raise ValueError(f"unexpected type byte {first:#04x}")
        value: object = self._unpacker.unpack()
        return value

    def _list(self, depth: int) -> list[object]:
        count = self._unpacker.read_array_header()
        self._budget -= count
        if depth == 0 or self._budget < 0:
            raise ValueError("lists are too deep or too long")
        return [self._read(depth - 1) for _ in range(count)]


def _start(count: int, kind: str) -> bytes:
    packer = msgpack.Packer()
    return b"".join((packer.pack_array_header(count), packer.pack(MAGIC), packer.pack(kind)))


def _fields_after_header(message: object, kind: str, version: int) -> list[Any]:
    if not isinstance(message, list) or len(message) < 3 or message[0] != MAGIC:
        raise WireError(f"{kind}: no gradveil message; check where these bytes come from")
    if message[1] != kind:
        raise WireError(f"expected a {kind}, got {str(message[1])[:40]!r}; check the order of messages")
    if message[2] != version:
        raise WireError(f"{kind}: version {str(message[2])[:20]}, this is {version}; upgrade the older side")
    return message[3:]


def _require_types(fields: list[Any], types: Sequence[type], kind: str) -> None:
    if len(fields) != len(types):
        raise WireError(f"{kind}: {len(fields)} fields instead of {len(types)}; upgrade the older side")
    for index, (field, expected) in enumerate(zip(fields, types, strict=True)):
        if type(field) is not expected:
            found, wanted = type(field).__name__, expected.__name__
            raise WireError(f"{kind}: field {index} is {found}, not {wanted}; the sender is broken")


def float32_to_bytes(values: NDArray[np.float32]) -> bytes:
    """Little-endian IEEE 754 single precision, 4 bytes a value."""
    return values.astype("<f4", copy=False).tobytes()


def float32_from_bytes(data: bytes, count: int) -> NDArray[np.float32]:
    """Read exactly `count` finite values.

    Raises:
        WireError: another number of bytes, a NaN or an infinity.
    """
    if len(data) != 4 * count:
        raise WireError(f"{len(data)} bytes for {count} float32 values; the message is damaged, resend")
    values = np.frombuffer(data, dtype="<f4").astype(np.float32)
    if not np.isfinite(values).all():
        raise WireError("a value is NaN or infinite; the sender must check its update")
    return values
