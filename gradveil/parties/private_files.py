"""Private files: for their owner's eyes only, and sealed if there is a passphrase.

A sealed file is an envelope of the kind `sealed:<kind>` with the fields scrypt salt, log2 of its cost, nonce,
and AES-256-GCM of the plain envelope with the kind as associated data.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from gradveil.exchange import wire
from gradveil.exchange.files import write_atomically
from gradveil.parties.errors import KeyRoleError

_VERSION = 1
_MAX_BYTES = 2**23
_SALT_BYTES, _NONCE_BYTES, _KEY_BYTES = 16, 12, 32
_SEALED_TYPES = (bytes, int, bytes, bytes)
_COST_LOG2 = 17
"""128 MiB and some tenths of a second for each guess (RFC 7914; N = 2^17, r = 8, p = 1)."""
_MAX_COST_LOG2 = 20
_SEALED = "sealed:"


class _Parts(NamedTuple):
    salt: bytes
    cost_log2: int
    nonce: bytes
    body: bytes


def save(path: Path, kind: str, fields: Sequence[object], passphrase: str | None) -> None:
    """Write an envelope whole or not at all, readable by its owner only."""
    plain = wire.pack(kind, _VERSION, fields)
    write_atomically(path, plain if passphrase is None else _seal(plain, kind, passphrase), mode=0o600)


def load(path: Path, kind: str, types: Sequence[type], passphrase: str | None) -> list[Any]:
    """Fields of a file of `save`.

    Raises:
        KeyRoleError: others may read the file, or the passphrase is missing or wrong.
        WireError: damaged or oversized file, or another kind.
    """
    data = read(path, _MAX_BYTES)
    if kind_of(data) == (kind, True):
        data = _unseal(data, kind, passphrase, path)
    return wire.unpack(data, kind, _VERSION, types, max_bytes=_MAX_BYTES)


def read(path: Path, max_bytes: int) -> bytes:
    """Up to `max_bytes`, and one more of a longer file; KeyRoleError if others may read it."""
    with path.open("rb") as file:
        if os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077:
            raise KeyRoleError(f"{path} can be read by others; run chmod 600 on it, or make a new key")
        return file.read(max_bytes + 1)


def kind_of(data: bytes) -> tuple[str, bool]:
    """The kind that a file claims, and whether it is sealed; WireError if no envelope starts here."""
    claimed = wire.kind_of(data)
    kind = claimed.removeprefix(_SEALED)
    return kind, kind != claimed


def cost_log2(data: bytes, kind: str) -> int:
    """log2 of scrypt's N with which these bytes were sealed.

    Raises:
        KeyRoleError: sealed with settings that `save` does not use.
        WireError: damaged or oversized bytes, or another kind.
    """
    return _parts(data, kind).cost_log2


def _seal(plain: bytes, kind: str, passphrase: str) -> bytes:
    salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
    key = _derive(passphrase, salt, _COST_LOG2)
    body = AESGCM(key).encrypt(nonce, plain, kind.encode())
    return wire.pack(_SEALED + kind, _VERSION, [salt, _COST_LOG2, nonce, body])


def _unseal(data: bytes, kind: str, passphrase: str | None, path: Path) -> bytes:
    parts = _parts(data, kind)
    if passphrase is None:
        raise KeyRoleError(f"{path} is sealed; give its passphrase")
    key = _derive(passphrase, parts.salt, parts.cost_log2)
    try:
        return AESGCM(key).decrypt(parts.nonce, parts.body, kind.encode())
    except InvalidTag as error:
        raise KeyRoleError(f"{path}: another passphrase, or a changed file; try again") from error


def _parts(data: bytes, kind: str) -> _Parts:
    parts = _Parts(*wire.unpack(data, _SEALED + kind, _VERSION, _SEALED_TYPES, max_bytes=_MAX_BYTES))
    if parts.cost_log2 not in range(_COST_LOG2, _MAX_COST_LOG2 + 1) or len(parts.nonce) != _NONCE_BYTES:
        raise KeyRoleError(f"a {kind} was sealed with unusual settings; restore it from a copy")
    return parts


def _derive(passphrase: str, salt: bytes, cost_log2: int) -> bytes:
    return Scrypt(salt=salt, length=_KEY_BYTES, n=1 << cost_log2, r=8, p=1).derive(passphrase.encode())
