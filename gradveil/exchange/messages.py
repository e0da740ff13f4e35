"""What travels: parts the server can read, parts it cannot, uploads and downloads made of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradveil.exchange import coords as coord_sets
from gradveil.exchange import wire
from gradveil.exchange.coords import Coords
from gradveil.exchange.errors import InvalidUpdateError, LayoutMismatchError, WireError
from gradveil.exchange.layout import Layout

_VERSION = 1
_MAX_NAME = 200
_MAX_PARTS = 16
_FIXED_BYTES = 1 << 20
_BYTES_PER_COORD = 128


def max_message_bytes(layout: Layout) -> int:
    """Largest upload or download that is parsed for this layout; the widest known codec needs 81 B/value."""
    return _FIXED_BYTES + _BYTES_PER_COORD * layout.wire_size


@dataclass(frozen=True, eq=False)
class Clear:
    """Numbers anybody on the way can read: values float32 (n,) at coordinates (n,)."""

    coords: Coords
    values: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.values.dtype != np.float32 or self.values.shape != self.coords.shape:
            raise InvalidUpdateError("a clear part needs one float32 value for each coordinate")


@dataclass(frozen=True, eq=False)
class Sealed:
    """Bytes that stand for the numbers at these coordinates and that only a key holder can open."""

    coords: Coords
    scheme: str
    payload: bytes

    def __repr__(self) -> str:
        return f"Sealed({self.scheme}, {self.coords.size} coordinates, {len(self.payload)} bytes)"


Part = Clear | Sealed


@dataclass(frozen=True, eq=False)
class Upload:
    """Exactly what one client sends in answer to one round."""

    client: str
    layout: Layout
    parts: tuple[Part, ...]

    @cached_property
    def _encoded(self) -> bytes:
        fields = [self.client, self.layout.hash, _pack_parts(self.parts, self.layout)]
        return wire.pack("upload", _VERSION, fields)

    def to_bytes(self) -> bytes:
        """Canonical bytes."""
        return self._encoded

    @property
    def nbytes(self) -> int:
        """Length of `to_bytes()`."""
        return len(self._encoded)

    @classmethod
    def from_bytes(cls, data: bytes, layout: Layout) -> "Upload":
        """Decode an upload made for this layout.

        Raises:
            WireError: damaged, oversized or non-canonical bytes.
            LayoutMismatchError: made for another layout.
        """
        client, layout_hash, parts = wire.unpack(
            data, "upload", _VERSION, (str, bytes, list), max_bytes=max_message_bytes(layout)
        )
        _require_layout(layout_hash, layout)
        return cls(_checked_name(client), layout, _unpack_parts(parts, layout))


@dataclass(frozen=True, eq=False)
class Download:
    """Exactly what the server sends back: sums over the named clients."""

    clients: frozenset[str]
    layout: Layout
    parts: tuple[Part, ...]

    @cached_property
    def _encoded(self) -> bytes:
        fields = [sorted(self.clients), self.layout.hash, _pack_parts(self.parts, self.layout)]
        return wire.pack("download", _VERSION, fields)

    def to_bytes(self) -> bytes:
        """Canonical bytes."""
        return self._encoded

    @property
    def nbytes(self) -> int:
        """Length of `to_bytes()`."""
        return len(self._encoded)

    @classmethod
    def from_bytes(cls, data: bytes, layout: Layout) -> "Download":
        """Decode a download made for this layout; raises as `Upload.from_bytes` does."""
        clients, layout_hash, parts = wire.unpack(
            data, "download", _VERSION, (list, bytes, list), max_bytes=max_message_bytes(layout)
        )
        _require_layout(layout_hash, layout)
        names = [_checked_name(name) for name in clients]
        if names != sorted(set(names)):
            raise WireError("download: clients are repeated or unordered; the sender is broken")
        return cls(frozenset(names), layout, _unpack_parts(parts, layout))


def require_one_layout(uploads: Iterable[Upload], layout: Layout) -> None:
    """Raise LayoutMismatchError naming the first client that runs another model."""
    for upload in uploads:
        if upload.layout.hash != layout.hash:
            raise LayoutMismatchError(
                f"client {upload.client!r} sent an update of another model; give all clients the same one"
            )


def _require_layout(found: bytes, layout: Layout) -> None:
    if found != layout.hash:
        raise LayoutMismatchError("the message was made for another model; give all parties the same one")


def _pack_parts(parts: tuple[Part, ...], layout: Layout) -> list[list[object]]:
    return [_pack_part(part, layout) for part in parts]


def _pack_part(part: Part, layout: Layout) -> list[object]:
    where = coord_sets.to_bytes(part.coords, layout.wire_size)
    if isinstance(part, Clear):
        return ["", where, wire.float32_to_bytes(part.values)]
    return [part.scheme, where, part.payload]


def _unpack_parts(packed: list[Any], layout: Layout) -> tuple[Part, ...]:
    if len(packed) > _MAX_PARTS:
        raise WireError(f"{len(packed)} parts exceed the limit of {_MAX_PARTS}; the sender is broken")
    return tuple(_unpack_part(part, layout) for part in packed)


def _unpack_part(packed: object, layout: Layout) -> Part:
    if not isinstance(packed, list) or [type(field) for field in packed] != [str, bytes, bytes]:
        raise WireError("a part is not [scheme, coordinates, payload]; the sender is broken")
    scheme, where, payload = packed
    coords = coord_sets.from_bytes(where, layout.wire_size)
    if scheme == "":
        return Clear(coords, wire.float32_from_bytes(payload, coords.size))
    return Sealed(coords, _checked_name(scheme), payload)


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME:
        raise WireError(f"a name is missing or longer than {_MAX_NAME} characters; rename it")
    return name
