"""The messages of one round; each has one valid encoding.

Bonawitz et al. 2017, Figure 4, with the consistency check of the malicious version, and the lists of clients
as bitmaps. Every message carries the session, the round and a binding: the hash of the agreed configuration
until the directory is known, the hash of the directory (which contains the former) from then on. Decoding
refuses what is damaged (WireError) and what belongs elsewhere (ProtocolError).
"""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from gradveil.exchange import WireError
from secagg.bitmaps import bitmap_bytes
from secagg.framing import (
    FIXED_BYTES,
    KEY_BYTES,
    MAX_CLIENTS,
    Header,
    checked_blob,
    checked_key,
    checked_name,
    checked_names,
    decode,
    encode,
    list_limit,
)
from secagg.shamir import SHARE_BYTES

COMMITMENT_BYTES = 32
SIGNATURE_BYTES = 64
SEALED_BYTES = 12 + 2 * SHARE_BYTES + 16
"""Nonce, a share of the seed and one of the mask key, tag."""

_MAX_REASON = 400
_BITMAP_LIMIT = bitmap_bytes(MAX_CLIENTS)


class Keys(NamedTuple):
    """A client's public X25519 keys, 32 bytes each, and its signature over them, 64 bytes or none."""

    encryption: bytes
    masking: bytes
    signature: bytes


@dataclass(frozen=True)
class Advertise:
    """Round 0, client to server: its public keys."""

    header: Header
    client: str
    keys: Keys

    def to_bytes(self) -> bytes:
        """Canonical bytes."""
        return encode("advertise", self.header, [self.client, *self.keys])

    @classmethod
    def from_bytes(cls, data: bytes, expected: Header) -> "Advertise":
        """Decode; raises WireError or ProtocolError."""
        types = (str, bytes, bytes, bytes)
        client, encryption, masking, signature = decode(data, "advertise", expected, types, FIXED_BYTES)
        keys = Keys(checked_key(encryption), checked_key(masking), _checked_signature(signature))
        return cls(expected, checked_name(client), keys)


@dataclass(frozen=True)
class Directory:
    """Round 0, server to clients: everybody's public keys, in order of client ids (U1)."""

    header: Header
    names: tuple[str, ...]
    keys: tuple[Keys, ...]

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 of the canonical bytes, which contain the hash of the configuration; 32 bytes."""
        return hashlib.sha256(b"gradveil secagg directory v1\0" + self.to_bytes()).digest()

    def to_bytes(self) -> bytes:
        """Canonical bytes."""
        return encode(
            "directory", self.header, [self.names, *(b"".join(part) for part in zip(*self.keys, strict=True))]
        )

    @classmethod
    def from_bytes(cls, data: bytes, expected: Header) -> "Directory":
        """Decode; raises WireError or ProtocolError."""
        limit = list_limit(2 * KEY_BYTES + SIGNATURE_BYTES)
        types = (list, bytes, bytes, bytes)
        packed, encryption, masking, signatures = decode(data, "directory", expected, types, limit)
        names = checked_names(packed)
        signed = [b""] * len(names) if not signatures else _cut(signatures, SIGNATURE_BYTES, len(names))
        columns = (_cut(encryption, KEY_BYTES, len(names)), _cut(masking, KEY_BYTES, len(names)), signed)
        keys = [Keys(checked_key(e), checked_key(m), s) for e, m, s in zip(*columns, strict=True)]
        return cls(expected, names, tuple(keys))


@dataclass(frozen=True)
class EncryptedShares:
    """Round 1, client to server: a commitment to its seed, and a ciphertext for each peer, in their order."""

    header: Header
    client: str
    commitment: bytes
    sealed: tuple[bytes, ...] = field(repr=False)

    def to_bytes(self) -> bytes:
        """Canonical bytes."""
        return encode("shares", self.header, [self.client, self.commitment, b"".join(self.sealed)])

    @classmethod
    def from_bytes(cls, data: bytes, expected: Header) -> "EncryptedShares":
        """Decode; raises WireError or ProtocolError."""
        limit = FIXED_BYTES + MAX_CLIENTS * SEALED_BYTES
        client, commitment, sealed = decode(data, "shares", expected, (str, bytes, bytes), limit)
        checked_blob(commitment, COMMITMENT_BYTES)
        return cls(expected, checked_name(client), commitment, _cut(sealed, SEALED_BYTES))


@dataclass(frozen=True)
class RoutedShares:
    """Round 1, server to one client: which of its peers shared keys (U2), and their ciphertexts for it."""

    header: Header
    client: str
    senders: bytes
    sealed: tuple[bytes, ...] = field(repr=False)

    def to_bytes(self) -> bytes:
        """Canonical bytes."""
        return encode("routed", self.header, [self.client, self.senders, b"".join(self.sealed)])

    @classmethod
    def from_bytes(cls, data: bytes, expected: Header) -> "RoutedShares":
        """Decode; raises WireError or ProtocolError."""
        limit = FIXED_BYTES + _BITMAP_LIMIT + MAX_CLIENTS * SEALED_BYTES
        client, senders, sealed = decode(data, "routed", expected, (str, bytes, bytes), limit)
        return cls(expected, checked_name(client), senders, _cut(sealed, SEALED_BYTES))


@dataclass(frozen=True, eq=False)
class MaskedInput:
    """Round 2, client to server: the masked ring vector, packed to the bit."""

    header: Header
    client: str
    packed: bytes = field(repr=False)

    def to_bytes(self) -> bytes:
        """Canonical bytes."""
        return encode("masked", self.header, [self.client, self.packed])

    @classmethod
    def from_bytes(cls, data: bytes, expected: Header, size: int) -> "MaskedInput":
        """Decode a vector of `size` bytes; raises WireError or ProtocolError."""
        client, packed = decode(data, "masked", expected, (str, bytes), FIXED_BYTES + size)
        return cls(expected, checked_name(client), checked_blob(packed, size))


@dataclass(frozen=True)
class Survivors:
    """Round 3, server to clients: whose masked vectors are in the sum (U3), one bit for each client."""

    header: Header
    bitmap: bytes

    def to_bytes(self) -> bytes:
        """Canonical bytes."""
        return encode("survivors", self.header, [self.bitmap])

    @classmethod
    def from_bytes(cls, data: bytes, expected: Header) -> "Survivors":
        """Decode; raises WireError or ProtocolError."""
        (bitmap,) = decode(data, "survivors", expected, (bytes,), FIXED_BYTES + _BITMAP_LIMIT)
        return cls(expected, bitmap)


@dataclass(frozen=True)
class Confirmation:
    """Round 3, malicious version, client to server: its signature over the survivors it was told."""

    header: Header
    client: str
    signature: bytes

    def to_bytes(self) -> bytes:
        """Canonical bytes."""
        return encode("confirmation", self.header, [self.client, self.signature])

    @classmethod
    def from_bytes(cls, data: bytes, expected: Header) -> "Confirmation":
        """Decode; raises WireError or ProtocolError."""
        client, signature = decode(data, "confirmation", expected, (str, bytes), FIXED_BYTES)
        return cls(expected, checked_name(client), checked_blob(signature, SIGNATURE_BYTES))


@dataclass(frozen=True)
class Confirmations:
    """Round 4, malicious version, server to one client: which of its holders confirmed, and signatures."""

    header: Header
    client: str
    signers: bytes
    signatures: tuple[bytes, ...]

    def to_bytes(self) -> bytes:
        """Canonical bytes."""
        return encode("confirmations", self.header, [self.client, self.signers, b"".join(self.signatures)])

    @classmethod
    def from_bytes(cls, data: bytes, expected: Header) -> "Confirmations":
        """Decode; raises WireError or ProtocolError."""
        limit = FIXED_BYTES + _BITMAP_LIMIT + MAX_CLIENTS * SIGNATURE_BYTES
        client, signers, blob = decode(data, "confirmations", expected, (str, bytes, bytes), limit)
        return cls(expected, checked_name(client), signers, _cut(blob, SIGNATURE_BYTES))


@dataclass(frozen=True)
class UnmaskShares:
    """Round 4, client to server: of each owner whose shares it holds, that of the mask key or of the seed.

    Which one follows from the survivors; `owners` are the ones it can answer for, one bit for each client.
    """

    header: Header
    client: str
    owners: bytes
    shares: tuple[bytes, ...] = field(repr=False)

    def to_bytes(self) -> bytes:
        """Canonical bytes."""
        return encode("unmask", self.header, [self.client, self.owners, b"".join(self.shares)])

    @classmethod
    def from_bytes(cls, data: bytes, expected: Header) -> "UnmaskShares":
        """Decode; raises WireError or ProtocolError."""
        limit = FIXED_BYTES + _BITMAP_LIMIT + MAX_CLIENTS * SHARE_BYTES
        client, owners, shares = decode(data, "unmask", expected, (str, bytes, bytes), limit)
        return cls(expected, checked_name(client), owners, _cut(shares, SHARE_BYTES))


@dataclass(frozen=True)
class Abort:
    """Either way, at any time: the round is over, and why."""

    header: Header
    reason: str

    def to_bytes(self) -> bytes:
        """Canonical bytes."""
        return encode("abort", self.header, [self.reason[:_MAX_REASON]])

    @classmethod
    def from_bytes(cls, data: bytes, expected: Header) -> "Abort":
        """Decode; raises WireError or ProtocolError."""
        (reason,) = decode(data, "abort", expected, (str,), FIXED_BYTES + 4 * _MAX_REASON)
        return cls(expected, reason)


def _checked_signature(signature: bytes) -> bytes:
    return signature and checked_blob(signature, SIGNATURE_BYTES)


def _cut(blob: bytes, size: int, count: int | None = None) -> tuple[bytes, ...]:
    """Pieces of `size` bytes; WireError for another number of them or a rest."""
    if len(blob) % size or (count is not None and len(blob) != size * count):
        raise WireError(f"{len(blob)} bytes are no whole number of {size}-byte fields; resend")
    return tuple(blob[start : start + size] for start in range(0, len(blob), size))
