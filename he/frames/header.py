"""The header of a frame: what its ciphertexts stand for, how they are encrypted, and who made it.

Little-endian without gaps, a text being its u16 length and its UTF-8:

    "GVHE" | version u16 | kind u8 | params_hash 32 | key_id 16 | job 32 | layout 32 | selection 32
    | round u64 | count u32 | chunks u32 | chunk_bytes u32 | body_bytes u64 | body_digest 32
    | number of contributors u16 | scheme text | sender text | for each contributor: name text, weight u32

Numbers have one width, texts one spelling and contributors one order, so a header has one encoding.
"""

import re
import struct
from dataclasses import astuple, dataclass
from enum import IntEnum
from typing import Any

from gradveil.exchange.errors import WireError
from gradveil.exchange.messages import require_name
from he.errors import FrameError

VERSION = 1

_MAGIC = b"GVHE"
_START = struct.Struct("<4sH")
_FIXED = struct.Struct("<B32s16s32s32s32sQIIIQ32sH")
_LENGTH = struct.Struct("<H")
_WEIGHT = struct.Struct("<I")

_SCHEME = re.compile(r"[a-z0-9-]{1,32}", re.ASCII)
_MAX_NAME_BYTES = 4 * 200
_MAX_CONTRIBUTORS = 2**16 - 1
_U32 = range(1, 2**32)
_I63 = range(2**63)


class Kind(IntEnum):
    """What a frame is: one client's values, or the server's sum of several clients'."""

    UPLOAD = 1
    SUM = 2


@dataclass(frozen=True)
class Context:
    """What the values of a frame stand for and how they are encrypted; only equal contexts can be added.

    Attributes:
        scheme: 1 to 32 of a-z, 0-9 and "-".
        params_hash: 32 bytes, of the encryption parameters.
        key_id: 16 bytes.
        job: 32 bytes.
        layout: 32 bytes, of the model's flat vector.
        selection: 32 bytes, of the encrypted coordinates.
        round: 0 .. 2^63 - 1.
        count: number of values, 1 .. 2^32 - 1.

    Raises:
        FrameError: a field of another type, length or range.
    """

    scheme: str
    params_hash: bytes
    key_id: bytes
    job: bytes
    layout: bytes
    selection: bytes
    round: int
    count: int

    def __post_init__(self) -> None:
        if not isinstance(self.scheme, str) or not _SCHEME.fullmatch(self.scheme):
            raise FrameError("a scheme's name is not 1 to 32 of a-z, 0-9 and -; rename the scheme")
        _require_bytes("key_id", self.key_id, 16)
        for name in ("params_hash", "job", "layout", "selection"):
            _require_bytes(name, getattr(self, name), 32)
        _require_in("round", self.round, _I63)
        _require_in("count", self.count, _U32)


@dataclass(frozen=True)
class Header:
    """All of a frame but signature and body.

    Attributes:
        kind: upload or sum.
        context: what the values are.
        sender: name of the client, or of the server for a sum.
        contributors: names by increasing order, each with how often it is in the values; an upload has
            exactly its sender, once.
        chunks: number of ciphertexts.
        chunk_bytes: length of a full one.
        body_bytes: length of all of them together.
        body_digest: SHA-256 of the body, 32 bytes.

    Raises:
        FrameError: a field of another type, length, range or order.
    """

    kind: Kind
    context: Context
    sender: str
    contributors: tuple[tuple[str, int], ...]
    chunks: int
    chunk_bytes: int
    body_bytes: int
    body_digest: bytes

    def __post_init__(self) -> None:
        _require_name(self.sender)
        _require_contributors(self.contributors)
        if self.kind is Kind.UPLOAD and self.contributors != ((self.sender, 1),):
            raise FrameError("an upload holds more than its sender's values once; only a server makes sums")
        _require_in("chunks", self.chunks, _U32)
        _require_in("chunk_bytes", self.chunk_bytes, _U32)
        _require_in("body_bytes", self.body_bytes, _I63)
        _require_bytes("body_digest", self.body_digest, 32)

    def to_bytes(self) -> bytes:
        """The one encoding."""
        scheme, *place = astuple(self.context)
        sizes = (self.chunks, self.chunk_bytes, self.body_bytes)
        fixed = _FIXED.pack(self.kind, *place, *sizes, self.body_digest, len(self.contributors))
        parts = [_START.pack(_MAGIC, VERSION), fixed, _text(scheme), _text(self.sender)]
        parts.extend(_text(name) + _WEIGHT.pack(weight) for name, weight in self.contributors)
        return b"".join(parts)

    @classmethod
    def read(cls, data: memoryview) -> tuple["Header", int]:
        """The header at the front of `data`, and its length in bytes.

        Raises:
            FrameError: damaged bytes, another version, or a field that no header has.
        """
        reader = _Reader(data)
        _require_start(*reader.unpack(_START))
        kind, *place, chunks, chunk_bytes, body_bytes, digest, number = reader.unpack(_FIXED)
        context = Context(reader.text(), *place)
        sender = reader.text()
        # Nothing is reserved for the claimed number: reading stops where the bytes do.
        contributors = tuple((reader.text(), *reader.unpack(_WEIGHT)) for _ in range(number))
        sizes = (chunks, chunk_bytes, body_bytes)
        return cls(_checked_kind(kind), context, sender, contributors, *sizes, digest), reader.position


def max_header_bytes(contributors: int) -> int:
    """Length that no header with up to so many contributors exceeds."""
    text = _LENGTH.size + _MAX_NAME_BYTES
    return _START.size + _FIXED.size + 2 * text + contributors * (text + _WEIGHT.size)


class _Reader:
    """Takes pieces off the front of bytes that are all there already."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self.position = 0

    def unpack(self, form: struct.Struct) -> tuple[Any, ...]:
        return form.unpack(self._take(form.size))

    def text(self) -> str:
        (size,) = self.unpack(_LENGTH)
        try:
            return bytes(self._take(size)).decode()
        except UnicodeDecodeError as error:
            raise FrameError("a name in a frame is no UTF-8; ask its sender for it again") from error

    def _take(self, size: int) -> memoryview:
        piece = self._data[self.position : self.position + size]
        if len(piece) != size:
            raise FrameError("a frame ends within its header; ask its sender for it again")
        self.position += size
        return piece


def _text(text: str) -> bytes:
    encoded = text.encode()
    return _LENGTH.pack(len(encoded)) + encoded


def _require_start(magic: bytes, version: int) -> None:
    if magic != _MAGIC:
        raise FrameError("no frame of encrypted values; check where these bytes come from")
    if version != VERSION:
        raise FrameError(f"a frame of version {version}, this is {VERSION}; upgrade the older side")


def _checked_kind(kind: int) -> Kind:
    if kind not in list(Kind):
        raise FrameError(f"a frame of unknown kind {kind}; the sender is broken")
    return Kind(kind)


def _require_name(name: object) -> None:
    try:
        require_name(name if isinstance(name, str) else "")
    except WireError as error:
        raise FrameError(str(error)) from error


def _require_contributors(contributors: tuple[tuple[str, int], ...]) -> None:
    names = [name for name, _ in contributors]
    for name, weight in contributors:
        _require_name(name)
        _require_in("weight", weight, _U32)
    if not 1 <= len(names) <= _MAX_CONTRIBUTORS or names != sorted(set(names)):
        raise FrameError("contributors are missing, too many, repeated or unordered; the sender is broken")


def _require_bytes(field: str, value: object, size: int) -> None:
    if not isinstance(value, bytes) or len(value) != size:
        raise FrameError(f"the {field} of a frame is not {size} bytes; pass a hash or id of that length")


def _require_in(field: str, value: object, allowed: range) -> None:
    if type(value) is not int or value not in allowed:
        raise FrameError(f"the {field} of a frame is not in {allowed[0]} .. {allowed[-1]}; correct it there")
