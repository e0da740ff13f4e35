"""A type for each role: clients hold the secret, a server cannot."""

import os
from pathlib import Path
from typing import NoReturn

from gradveil.exchange import wire
from gradveil.exchange.errors import WireError
from gradveil.exchange.files import write_atomically
from he import _seal
from he.errors import KeyRoleError
from he.params import CkksParams

_VERSION = 1
_CLIENT_KIND = "he-client-key"
_SERVER_KIND = "he-server-key"
_ENVELOPE_BYTES = 256


class ServerKey:
    """What a server needs to add ciphertexts: public material, loaded from bytes that hold nothing else.

    Raises:
        KeyRoleError: the material holds a secret key.
        WireError: damaged material, or material of other parameters.
    """

    def __init__(self, params: CkksParams, material: bytes) -> None:
        # A context that once held a secret keeps a working decryptor even after make_context_public(),
        # so a server's context only ever comes from serialised bytes.
        context = _seal.load_context(material)
        if context.has_secret_key():
            raise KeyRoleError(
                "key material for a server holds a secret key; send client_key.server_key() instead"
            )
        _require_params(context, params)
        self.params = params
        self._context = context

    def __repr__(self) -> str:
        return f"ServerKey({self.params})"

    def to_bytes(self) -> bytes:
        """Canonical bytes, safe to publish."""
        return _pack(_SERVER_KIND, self.params, self._context, secret=False)

    @classmethod
    def from_bytes(cls, data: bytes, params: CkksParams) -> "ServerKey":
        """Decode a key made under these parameters.

        Raises:
            KeyRoleError: the bytes hold a secret key.
            WireError: damaged or oversized bytes, or a key of other parameters.
        """
        return cls(params, _unpack(_SERVER_KIND, data, params))


class ClientKey:
    """The secret key that all clients of a job share: each of them can decrypt each other's ciphertexts.

    Make one with `generate` or `load`. It cannot be pickled or copied, and two keys never compare equal.
    """

    def __init__(self, params: CkksParams, context: _seal.Context) -> None:
        self.params = params
        self._context = context

    def __repr__(self) -> str:
        return f"ClientKey({self.params}, secret redacted)"

    def __reduce__(self) -> NoReturn:
        raise KeyRoleError("a client key cannot be pickled or copied; use save() and load()")

    @classmethod
    def generate(cls, params: CkksParams) -> "ClientKey":
        """A fresh key from the operating system's randomness; ParametersError if SEAL refuses."""
        return cls(params, _seal.new_context(params))

    def server_key(self) -> ServerKey:
        """The public part, through bytes."""
        return ServerKey(self.params, _seal.serialize(self._context, secret=False))

    def save(self, path: Path) -> None:
        """Write a file that only its owner can read, whole or not at all."""
        write_atomically(path, _pack(_CLIENT_KIND, self.params, self._context, secret=True), mode=0o600)

    @classmethod
    def load(cls, path: Path, params: CkksParams) -> "ClientKey":
        """Read a file of `save`.

        Raises:
            KeyRoleError: others may read the file, or it holds no secret key.
            WireError: damaged or oversized file, or a key of other parameters.
        """
        context = _seal.load_context(_unpack(_CLIENT_KIND, _read_private(path, params), params))
        if not context.has_secret_key():
            raise KeyRoleError(f"{path} holds no secret key; load the file that ClientKey.save() wrote")
        _require_params(context, params)
        return cls(params, context)


def _pack(kind: str, params: CkksParams, context: _seal.Context, *, secret: bool) -> bytes:
    return wire.pack(kind, _VERSION, [params.hash, _seal.serialize(context, secret=secret)])


def _unpack(kind: str, data: bytes, params: CkksParams) -> bytes:
    limit = _max_key_bytes(params)
    params_hash, material = wire.unpack(data, kind, _VERSION, (bytes, bytes), max_bytes=limit)
    if params_hash != params.hash:
        raise WireError(f"{kind}: made for other parameters; give all parties the same CkksParams")
    checked: bytes = material
    return checked


def _require_params(context: _seal.Context, params: CkksParams) -> None:
    if _seal.serialize(context, secret=False) != _seal.public_material(params):
        raise WireError("key material does not fit its parameters; generate a new key")


def _max_key_bytes(params: CkksParams) -> int:
    return _seal.max_secret_bytes(params) + _ENVELOPE_BYTES


def _read_private(path: Path, params: CkksParams) -> bytes:
    with path.open("rb") as file:
        if os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077:
            raise KeyRoleError(f"{path} can be read by others; run chmod 600 on it, or make a new key")
        return file.read(_max_key_bytes(params) + 1)
