"""Keys without a secret: what encrypts for a key holder, and what a server adds with."""

from functools import cached_property

from gradveil.exchange import wire
from gradveil.parties.errors import KeyRoleError
from he.keys.scope import MAX_SCOPE_BYTES, Scope
from he.params import Encryption, Params
from he.schemes import Encryptor, scheme_of

_VERSION = 1
_PUBLIC_KIND, _SERVER_KIND = "he-public-key", "he-server-key"
_MAX_PUBLIC_BYTES = 2**23


class PublicKey:
    """Encrypts and cannot decrypt: for clients that must not read each other's ciphertexts.

    Raises:
        KeyRoleError: the parameters are for a shared secret key.
        WireError: material of another form.
    """

    def __init__(self, scope: Scope, material: bytes) -> None:
        if scope.params.encryption is not Encryption.PUBLIC_KEY:
            raise KeyRoleError("the parameters have no public key; set encryption=Encryption.PUBLIC_KEY")
        scheme_of(scope.params).require_public(material)
        self.scope = scope
        self._material = material

    def __repr__(self) -> str:
        return f"PublicKey({self.scope})"

    @property
    def params(self) -> Params:
        """Of every ciphertext under this key."""
        return self.scope.params

    @cached_property
    def encryptor(self) -> Encryptor:
        """Encrypts chunks."""
        return scheme_of(self.params).public_encryptor(self._material)

    def _encrypting(self) -> tuple[type["PublicKey"], Scope, bytes]:
        """What a worker process builds its encryptor from."""
        return PublicKey, self.scope, self._material

    def to_bytes(self) -> bytes:
        """Canonical bytes, safe to publish over a channel that authenticates the sender."""
        return wire.pack(_PUBLIC_KIND, _VERSION, [*self.scope.fields(), self._material])

    @classmethod
    def from_bytes(cls, data: bytes) -> "PublicKey":
        """Decode; raises WireError for damaged bytes, ParametersError for unsafe parameters."""
        *scope, material = wire.unpack(
            data, _PUBLIC_KIND, _VERSION, (str, str, bytes, bytes), max_bytes=_MAX_PUBLIC_BYTES
        )
        return cls(Scope.from_fields(*scope), material)


class ServerKey:
    """What a server adds with: it names parameters and job, and has no room for key material."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def __repr__(self) -> str:
        return f"ServerKey({self.scope})"

    @property
    def params(self) -> Params:
        """Of every ciphertext that is added."""
        return self.scope.params

    def to_bytes(self) -> bytes:
        """Canonical bytes, safe to publish."""
        return wire.pack(_SERVER_KIND, _VERSION, self.scope.fields())

    @classmethod
    def from_bytes(cls, data: bytes) -> "ServerKey":
        """Decode; raises WireError for damaged bytes, ParametersError for unsafe parameters."""
        types = (str, str, bytes)
        return cls(
            Scope.from_fields(*wire.unpack(data, _SERVER_KIND, _VERSION, types, max_bytes=MAX_SCOPE_BYTES))
        )
