"""What all messages share: their header, limits, and checks of names, keys and lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gradveil.exchange import WireError, wire
from secagg.errors import ProtocolError

VERSION = 2
MAX_CLIENTS = 4096
KEY_BYTES = 32
FIXED_BYTES = 1024
"""Room for everything in a message but its lists and its vector."""

_MAX_NAME_BYTES = 200
_ITEM_OVERHEAD = 16
_CURVE25519 = 2**255 - 19


@dataclass(frozen=True)
class Header:
    """Where a message belongs: session (16 bytes), round number, binding hash (32 bytes)."""

    session: bytes
    round: int
    binding: bytes

    @property
    def fields(self) -> list[object]:
        """For an envelope."""
        return [self.session, self.round, self.binding]


def encode(kind: str, header: Header, fields: Sequence[object]) -> bytes:
    """Canonical bytes of one message."""
    return wire.pack(f"secagg-{kind}", VERSION, [*header.fields, *fields])


def decode(data: bytes, kind: str, expected: Header, types: Sequence[type], limit: int) -> list[Any]:
    """The fields after the header.

    Raises:
        WireError: damaged, oversized or of another kind.
        ProtocolError: of another session, round, configuration or roster.
    """
    place = (bytes, int, bytes)
    values = wire.unpack(data, f"secagg-{kind}", VERSION, (*place, *types), max_bytes=limit)
    if Header(*values[: len(place)]) != expected:
        raise ProtocolError(f"{kind}: another session, round, configuration or roster; start a new round")
    return values[len(place) :]


def list_limit(blob_bytes: int) -> int:
    """Largest message with one blob of this size for each client."""
    return FIXED_BYTES + MAX_CLIENTS * (_MAX_NAME_BYTES + _ITEM_OVERHEAD + blob_bytes)


def checked_name(name: object) -> str:
    """A client id: 1 to 200 printable bytes of UTF-8.

    Raises:
        WireError: anything else.
    """
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name.encode()) <= _MAX_NAME_BYTES:
        raise WireError(
            f"a client id is empty, unprintable or over {_MAX_NAME_BYTES} bytes; rename the client"
        )
    return name


def checked_names(packed: Sequence[object]) -> tuple[str, ...]:
    """Client ids in strictly increasing order.

    Raises:
        WireError: too many, repeated or unordered ids.
    """
    if len(packed) > MAX_CLIENTS:
        raise WireError(f"{len(packed)} clients exceed the limit of {MAX_CLIENTS}; split the cohort")
    names = tuple(checked_name(name) for name in packed)
    if list(names) != sorted(set(names)):
        raise WireError("client ids are repeated or unordered; the sender is broken")
    return names


def checked_blob(blob: object, size: int) -> bytes:
    """Exactly `size` bytes; raises WireError otherwise."""
    if not isinstance(blob, bytes) or len(blob) != size:
        raise WireError(f"a field is not {size} bytes long; the message is damaged, resend")
    return blob


def checked_key(key: object) -> bytes:
    """A public X25519 key in its one reduced form (RFC 7748, section 5): equal points are equal bytes.

    Raises:
        WireError: not 32 bytes, or not reduced.
    """
    blob = checked_blob(key, KEY_BYTES)
    if int.from_bytes(blob, "little") >= _CURVE25519:
        raise WireError("a public key is not reduced; make a new one with KeyPair.generate()")
    return blob
