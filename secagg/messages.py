"""The seven messages of one round, Bonawitz et al. 2017, Figure 4; each has one valid encoding.

Every message carries the session, the round and a binding: the hash of the agreed configuration until the
roster is known, the hash of the roster (which contains the former) from then on. Decoding refuses what is
damaged (WireError) and what belongs to another session, round, configuration or roster (ProtocolError).
"""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from secagg.framing import (
    FIXED_BYTES,
    KEY_BYTES,
    Header,
    Items,
    checked_blob,
    checked_items,
    checked_key,
    checked_name,
    checked_names,
    decode,
    encode,
    list_limit,
)
from secagg.ring import FixedPoint, Ring
from secagg.shamir import SHARE_BYTES

COMMITMENT_BYTES = 32
SEALED_BYTES = 12 + 2 * SHARE_BYTES + 16
"""Nonce, a share of the seed and one of the mask key, tag."""


@dataclass(frozen=True)
class Advertise:
    """Round 0, client to server: both public X25519 keys, 32 bytes each."""

    header: Header
    client: str
    encryption_key: bytes
    mask_key: bytes

    def to_bytes(self) -> bytes:
        """Canonical bytes."""
        return encode("advertise", self.header, [self.client, self.encryption_key, self.mask_key])

    @classmethod
    def from_bytes(cls, data: bytes, expected: Header) -> "Advertise":
        """Decode; raises WireError or ProtocolError."""
        client, *keys = decode(data, "advertise", expected, (str, bytes, bytes), FIXED_BYTES)
        return cls(expected, checked_name(client), *map(checked_key, keys))


@dataclass(frozen=True)
class Roster:
    """Round 0, server to clients: everybody's public keys, in order of client ids (U1)."""

    header: Header
    entries: tuple[Advertise, ...]

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 of the canonical bytes, which contain the hash of the configuration; 32 bytes."""
        return hashlib.sha256(b"gradveil secagg roster v1\0" + self.to_bytes()).digest()

    @cached_property
    def header_after(self) -> Header:
        """The header of all messages that follow."""
        return Header(self.header.session, self.header.round, self.hash)

    @cached_property
    def points(self) -> dict[str, int]:
        """Shamir evaluation point of each client: 1 .. n in order of ids."""
        return {entry.client: x for x, entry in enumerate(self.entries, start=1)}

    def __getitem__(self, client: str) -> Advertise:
        return self.entries[self.points[client] - 1]

    def to_bytes(self) -> bytes:
        """Canonical bytes."""
        items = [[entry.client, entry.encryption_key + entry.mask_key] for entry in self.entries]
        return encode("roster", self.header, [items])

    @classmethod
    def from_bytes(cls, data: bytes, expected: Header) -> "Roster":
        """Decode; raises WireError or ProtocolError."""
        (packed,) = decode(data, "roster", expected, (list,), list_limit(2 * KEY_BYTES))
        items = checked_items(packed, 2 * KEY_BYTES)
        return cls(expected, tuple(_entry(expected, client, keys) for client, keys in items))


@dataclass(frozen=True)
class EncryptedShares:
    """Round 1, client to server: one ciphertext for each other client, and a commitment to the seed."""

    header: Header
    client: str
    commitment: bytes
    sealed: Items = field(repr=False)

    def to_bytes(self) -> bytes:
        """Canonical bytes."""
        return encode("shares", self.header, [self.client, self.commitment, self.sealed])

    @classmethod
    def from_bytes(cls, data: bytes, expected: Header) -> "EncryptedShares":
        """Decode; raises WireError or ProtocolError."""
        types, limit = (str, bytes, list), list_limit(SEALED_BYTES)
        client, commitment, sealed = decode(data, "shares", expected, types, limit)
        checked_blob(commitment, COMMITMENT_BYTES)
        return cls(expected, checked_name(client), commitment, checked_items(sealed, SEALED_BYTES))


@dataclass(frozen=True)
class RoutedShares:
    """Round 1, server to one client: the ciphertexts for it by sender; with itself, they are U2."""

    header: Header
    client: str
    sealed: Items = field(repr=False)

    def to_bytes(self) -> bytes:
        """Canonical bytes."""
        return encode("routed", self.header, [self.client, self.sealed])

    @classmethod
    def from_bytes(cls, data: bytes, expected: Header) -> "RoutedShares":
        """Decode; raises WireError or ProtocolError."""
        client, sealed = decode(data, "routed", expected, (str, list), list_limit(SEALED_BYTES))
        return cls(expected, checked_name(client), checked_items(sealed, SEALED_BYTES))


@dataclass(frozen=True, eq=False)
class MaskedInput:
    """Round 2, client to server: the masked ring vector, shape (n + 1,)."""

    header: Header
    client: str
    ring: Ring = field(repr=False)

    def to_bytes(self) -> bytes:
        """Canonical bytes: 4 or 8 a coordinate, little-endian."""
        return encode("masked", self.header, [self.client, self.ring.tobytes()])

    @classmethod
    def from_bytes(cls, data: bytes, expected: Header, length: int, encoding: FixedPoint) -> "MaskedInput":
        """Decode `length` values and the weight; raises WireError or ProtocolError."""
        size = (length + 1) * encoding.dtype.itemsize
        client, body = decode(data, "masked", expected, (str, bytes), FIXED_BYTES + size)
        ring = np.frombuffer(checked_blob(body, size), dtype=encoding.dtype)
        return cls(expected, checked_name(client), ring)


@dataclass(frozen=True)
class DeadList:
    """Round 4, server to clients: who shared keys but sent no masked vector (U2 without U3)."""

    header: Header
    dead: tuple[str, ...]

    def to_bytes(self) -> bytes:
        """Canonical bytes."""
        return encode("dead", self.header, [self.dead])

    @classmethod
    def from_bytes(cls, data: bytes, expected: Header) -> "DeadList":
        """Decode; raises WireError or ProtocolError."""
        (packed,) = decode(data, "dead", expected, (list,), list_limit(0))
        return cls(expected, checked_names(packed))


@dataclass(frozen=True)
class UnmaskShares:
    """Round 4, client to server: one share a member of U2, of its mask key if dead, of its seed if not."""

    header: Header
    client: str
    shares: Items = field(repr=False)

    def to_bytes(self) -> bytes:
        """Canonical bytes."""
        return encode("unmask", self.header, [self.client, self.shares])

    @classmethod
    def from_bytes(cls, data: bytes, expected: Header) -> "UnmaskShares":
        """Decode; raises WireError or ProtocolError."""
        client, shares = decode(data, "unmask", expected, (str, list), list_limit(SHARE_BYTES))
        return cls(expected, checked_name(client), checked_items(shares, SHARE_BYTES))


def _entry(header: Header, client: str, keys: bytes) -> Advertise:
    encryption_key, mask_key = checked_key(keys[:KEY_BYTES]), checked_key(keys[KEY_BYTES:])
    return Advertise(header, client, encryption_key, mask_key)
