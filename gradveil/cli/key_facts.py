"""What a file of `he` is, in facts that anybody may read: no secret ever gets in here."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from gradveil.cli.errors import UsageError, naming
from gradveil.exchange import WireError
from gradveil.parties import private_files
from gradveil.parties.identity import SIGNATURE_BYTES
from he import ClientKey, Identity, PublicKey, Roster, ServerKey
from he.frames import peek
from he.keys.scope import Scope

_MAX_BYTES = 2**23
"""More than any key file or roster has, and than the header of any frame whose clients fit a roster."""

_FRAME_MAGIC = b"GVHE"
_VALUES = 10**6

Facts: TypeAlias = dict[str, Any]


def facts_of(path: Path, passphrase: str | None) -> Facts:
    """What a file is, as JSON takes it; a sealed file is opened only with its passphrase.

    Raises:
        UsageError: damaged, or nothing that this package writes.
        KeyRoleError: a secret that others may read, or another passphrase.
        ParametersError: a key of unsafe parameters.
    """
    with path.open("rb") as file:
        data = file.read(_MAX_BYTES + 1)
    with naming(path):
        return {"file": str(path)} | _facts(path, data, passphrase)


def _facts(path: Path, data: bytes, passphrase: str | None) -> Facts:
    if data.startswith(_FRAME_MAGIC):
        return _frame(data, path.stat().st_size)
    kind, sealed = private_files.kind_of(data)
    if sealed and kind in _SECRET and passphrase is None:
        return _sealed(data, kind)
    if kind in _SECRET:
        what, read = _SECRET[kind]
        return {"what": what, "secret": True, "sealed": sealed, **read(path, passphrase)}
    if not sealed and kind in _PUBLIC:
        what, decode = _PUBLIC[kind]
        return {"what": what, "secret": False, **decode(data)}
    raise UsageError(f"{path} is a message {kind!r}; give a key file, a roster or a frame")


def _sealed(data: bytes, kind: str) -> Facts:
    cost = private_files.cost_log2(data, kind)
    what, _ = _SECRET[kind]
    return {"what": what, "secret": True, "sealed": True, "seal": f"scrypt N = 2^{cost}, AES-256-GCM"}


def _client_key(path: Path, passphrase: str | None) -> Facts:
    return _scope(ClientKey.load(path, passphrase).scope)


def _identity(path: Path, passphrase: str | None) -> Facts:
    identity = Identity.load(path, passphrase)
    return {"name": identity.name, "fingerprint": _fingerprint(identity.public_bytes)}


def _server_key(data: bytes) -> Facts:
    return _scope(ServerKey.from_bytes(data).scope)


def _public_key(data: bytes) -> Facts:
    return _scope(PublicKey.from_bytes(data).scope) | {"fingerprint": _fingerprint(data)}


def _roster(data: bytes) -> Facts:
    roster = Roster.from_bytes(data)
    return {
        "roster_hash": roster.hash.hex(),
        "server": _fingerprints(dict([roster.server])),
        "clients": _fingerprints(roster.clients),
    }


def _frame(data: bytes, size: int) -> Facts:
    header = peek(data)
    whole = len(header.to_bytes()) + SIGNATURE_BYTES + header.body_bytes
    if size != whole:
        raise WireError(f"a frame of {size} bytes instead of {whole}; ask its sender for it again")
    hashes = {name: value.hex() for name, value in vars(header.context).items() if isinstance(value, bytes)}
    return {
        "what": f"frame, {header.kind.name.lower()}",
        "secret": False,
        "verified": False,
        "sender": header.sender,
        "contributors": dict(header.contributors),
        "scheme": header.context.scheme,
        "round": header.context.round,
        "values": header.context.count,
        "ciphertexts": header.chunks,
        "ciphertext_bytes": header.body_bytes,
        **hashes,
    }


def _scope(scope: Scope) -> Facts:
    params = scope.params
    choices = params.describe()
    return {
        "job": scope.job,
        "key_id": scope.key_id.hex(),
        "scheme": choices.pop("scheme"),
        "security_bits": params.security_bits,
        "parameters": choices,
        "params_hash": params.hash.hex(),
        "capacity": params.capacity,
        "noise_capacity": params.noise_capacity,
        "error_bound_of_full_sum": params.error_bound(params.max_clients),
        "upload_bytes_per_value": params.upload_bytes(_VALUES) / _VALUES,
        "sum_bytes_per_value": params.sum_bytes(_VALUES) / _VALUES,
    }


def _fingerprints(keys: Mapping[str, bytes]) -> dict[str, str]:
    return {name: _fingerprint(key) for name, key in keys.items()}


def _fingerprint(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()


_SECRET: dict[str, tuple[str, Callable[[Path, str | None], Facts]]] = {
    "he-client-key": ("client key", _client_key),
    "identity": ("identity", _identity),
}
_PUBLIC: dict[str, tuple[str, Callable[[bytes], Facts]]] = {
    "he-server-key": ("server key", _server_key),
    "he-public-key": ("public key", _public_key),
    "roster": ("roster", _roster),
}
