"""Who takes part in a job: the names and public keys that every party was given beforehand."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gradveil.exchange import wire
from gradveil.exchange.errors import WireError
from gradveil.exchange.messages import require_name
from gradveil.parties.errors import KeyRoleError, RosterError, SignatureError
from gradveil.parties.identity import KEY_BYTES, Identity

MAX_CLIENTS = 4096

_KIND = "roster"
_VERSION = 1
_TYPES = (list, str, bytes)
_ENTRY_BYTES = 900
"""Room for one party: a name of 200 characters of four bytes, a key, and what MessagePack adds."""

_CURVE25519 = 2**255 - 19
_ORDER_8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022
_SMALL_ORDER = frozenset((0, 1, _CURVE25519 - 1, _ORDER_8, _CURVE25519 - _ORDER_8))
"""The y coordinates of the eight points that Ed25519's cofactor adds."""


@dataclass(frozen=True, eq=False)
class Roster:
    """Public keys of the clients and of the server, the same for all parties; compare rosters by `hash`.

    Attributes:
        clients: 1 to 4096 names with 32-byte Ed25519 keys; held by increasing name.
        server: its name and key.

    Raises:
        RosterError: no clients, or too many.
        WireError: a name that no party can have, or bytes that are no public key.
        KeyRoleError: one name or key for two parties.
    """

    clients: Mapping[str, bytes]
    server: tuple[str, bytes]

    def __post_init__(self) -> None:
        if not 1 <= len(self.clients) <= MAX_CLIENTS:
            raise RosterError(f"{len(self.clients)} clients are not in 1 .. {MAX_CLIENTS}; split the cohort")
        parties = [*self.clients.items(), self.server]
        for name, key in parties:
            require_name(name)
            _require_key(name, key)
        _require_distinct(parties)
        object.__setattr__(self, "clients", MappingProxyType(dict(sorted(self.clients.items()))))

    @classmethod
    def of(cls, clients: Iterable[Identity], server: Identity) -> "Roster":
        """The roster of identities that are all in this process; raises as the constructor does."""
        pairs = [(client.name, client.public_bytes) for client in clients]
        _require_distinct(pairs)
        return cls(dict(pairs), (server.name, server.public_bytes))

    def to_bytes(self) -> bytes:
        """Canonical bytes, safe to publish."""
        clients = [[name, key] for name, key in self.clients.items()]
        return wire.pack(_KIND, _VERSION, [clients, *self.server])

    @classmethod
    def from_bytes(cls, data: bytes) -> "Roster":
        """Decode a roster; bytes prove nothing, so compare `hash` over a channel that you trust.

        Raises:
            WireError: damaged, oversized or non-canonical bytes.
            RosterError, KeyRoleError: as the constructor.
        """
        limit = (MAX_CLIENTS + 2) * _ENTRY_BYTES
        packed, server, key = wire.unpack(data, _KIND, _VERSION, _TYPES, max_bytes=limit)
        pairs = [_checked_pair(pair) for pair in packed]
        if pairs != sorted(dict(pairs).items()):
            raise WireError("roster: clients are repeated or unordered; write it with Roster.to_bytes()")
        return cls(dict(pairs), (server, key))

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 of `to_bytes()`: parties with equal hashes know the same keys."""
        return hashlib.sha256(self.to_bytes()).digest()

    def verify_client(self, name: str, signature: bytes, message: bytes, context: bytes) -> None:
        """Raise SignatureError unless the client of this name signed the message."""
        if name not in self.clients:
            raise SignatureError(f"{name!r} is no client of the roster; refuse it, or enrol it for a new job")
        _verify(name, self.clients[name], signature, context + message)

    def verify_server(self, name: str, signature: bytes, message: bytes, context: bytes) -> None:
        """Raise SignatureError unless the server has this name and signed the message."""
        if name != self.server[0]:
            raise SignatureError(f"{name!r} is not the server {self.server[0]!r} of the roster; refuse it")
        _verify(name, self.server[1], signature, context + message)


def _verify(name: str, key: bytes, signature: bytes, signed: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    except InvalidSignature as error:
        raise SignatureError(
            f"the signature is not that of {name!r}; refuse it, and compare the hashes of both rosters"
        ) from error


def _require_key(name: str, key: bytes) -> None:
    if len(key) != KEY_BYTES:
        raise WireError(f"the public key of {name!r} is not {KEY_BYTES} bytes; ask for its public_bytes")
    # OpenSSL accepts points of small order, under which a constant signature fits any message, and other
    # spellings of one point, with which two keys could look distinct.
    height = int.from_bytes(key, "little") % 2**255
    if height >= _CURVE25519 or height in _SMALL_ORDER:
        raise WireError(f"the public key of {name!r} is not one that can be generated; ask for a new one")


def _require_distinct(parties: list[tuple[str, bytes]]) -> None:
    if len({name for name, _ in parties}) != len(parties):
        raise KeyRoleError("one name stands for two parties of a roster; give each party its own")
    if len({key for _, key in parties}) != len(parties):
        raise KeyRoleError("one key stands for two parties of a roster; generate an Identity for each")


def _checked_pair(pair: object) -> tuple[str, bytes]:
    if not isinstance(pair, list) or [type(field) for field in pair] != [str, bytes]:
        raise WireError("roster: a client is not [name, key]; write it with Roster.to_bytes()")
    return pair[0], pair[1]
