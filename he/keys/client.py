"""The secret key: who holds it decrypts."""

from functools import cached_property
from pathlib import Path
from typing import NoReturn

from gradveil.parties import private_files
from gradveil.parties.errors import KeyRoleError
from he.keys.public import PublicKey, ServerKey
from he.keys.scope import Scope
from he.params import Encryption, Params
from he.schemes import Decryptor, Encryptor, scheme_of

_KIND = "he-client-key"
_TYPES = (str, str, bytes, bytes)


class ClientKey:
    """The secret key of one job.

    Under `Encryption.SHARED_KEY` all clients hold it, and each of them can decrypt each other's ciphertexts.
    Under `Encryption.PUBLIC_KEY` one key holder keeps it and clients get `public_key()`.

    Make one with `generate` or `load`. It cannot be pickled or copied, and two keys never compare equal.
    """

    def __init__(self, scope: Scope, secret: bytes) -> None:
        scheme_of(scope.params).require_secret(secret)
        self.scope = scope
        self._secret = secret

    def __repr__(self) -> str:
        return f"ClientKey({self.scope}, secret redacted)"

    def __reduce__(self) -> NoReturn:
        raise KeyRoleError("a client key cannot be pickled or copied; use save() and load()")

    @classmethod
    def generate(cls, params: Params, job: str) -> "ClientKey":
        """A fresh key from the operating system's randomness, for one job.

        Raises:
            ParametersError: the library cannot build the parameters.
            WireError: an empty or unprintable job name.
        """
        return cls(Scope.fresh(params, job), scheme_of(params).generate())

    @property
    def params(self) -> Params:
        """Of every ciphertext under this key."""
        return self.scope.params

    @cached_property
    def encryptor(self) -> Encryptor:
        """Encrypts chunks under the secret; KeyRoleError if the parameters are for a public key."""
        if self.params.encryption is not Encryption.SHARED_KEY:
            raise KeyRoleError("the parameters are for a public key; encrypt with client_key.public_key()")
        return scheme_of(self.params).secret_encryptor(self._secret)

    @cached_property
    def decryptor(self) -> Decryptor:
        """Decrypts chunks."""
        return scheme_of(self.params).decryptor(self._secret)

    def _encrypting(self) -> tuple[type["ClientKey"], Scope, bytes]:
        """What a worker process builds its encryptor from; KeyRoleError if this key does not encrypt."""
        _ = self.encryptor
        return ClientKey, self.scope, self._secret

    def public_key(self) -> PublicKey:
        """A fresh public key of this secret; KeyRoleError if the parameters are for a shared key."""
        if self.params.encryption is not Encryption.PUBLIC_KEY:
            raise KeyRoleError("the parameters have no public key; set encryption=Encryption.PUBLIC_KEY")
        return PublicKey(self.scope, scheme_of(self.params).publish(self._secret))

    def server_key(self) -> ServerKey:
        """What a server needs, without the secret."""
        return ServerKey(self.scope)

    def save(self, path: Path, passphrase: str | None = None) -> None:
        """Write a file that only its owner can read, whole or not at all; sealed if there is a passphrase."""
        private_files.save(path, _KIND, [*self.scope.fields(), self._secret], passphrase)

    @classmethod
    def load(cls, path: Path, passphrase: str | None = None) -> "ClientKey":
        """Read a file of `save`.

        Raises:
            KeyRoleError: others may read the file, or the passphrase is missing or wrong.
            WireError: damaged or oversized file, or another kind of key.
        """
        *scope, secret = private_files.load(path, _KIND, _TYPES, passphrase)
        return cls(Scope.from_fields(*scope), secret)
