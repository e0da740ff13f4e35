"""Who a party is: a name, and the Ed25519 key (RFC 8032) that it signs with."""

from pathlib import Path
from typing import NoReturn, SupportsIndex

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gradveil.exchange.errors import WireError
from gradveil.exchange.messages import require_name
from gradveil.parties import private_files
from gradveil.parties.errors import KeyRoleError

KEY_BYTES = 32
SIGNATURE_BYTES = 64

_KIND = "identity"


class Identity:
    """A party's name and private key; make one with `generate` or `load`.

    It cannot be pickled or copied, and two identities never compare equal.

    Raises:
        WireError: a name that is empty, unprintable or too long.
    """

    def __init__(self, name: str, private: Ed25519PrivateKey) -> None:
        require_name(name)
        self._name = name
        self._private = private

    def __repr__(self) -> str:
        return f"Identity({self._name!r}, secret redacted)"

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise KeyRoleError("an identity cannot be pickled or copied; use save(), or private_bytes()")

    @classmethod
    def generate(cls, name: str) -> "Identity":
        """A fresh key from the operating system's randomness."""
        return cls(name, Ed25519PrivateKey.generate())

    @classmethod
    def from_private_bytes(cls, name: str, private: bytes) -> "Identity":
        """The identity whose `private_bytes` are these 32.

        Raises:
            WireError: another length, or a name that no party can have.
        """
        if len(private) != KEY_BYTES:
            raise WireError(f"a private key of {len(private)} bytes, not {KEY_BYTES}; restore the key file")
        return cls(name, Ed25519PrivateKey.from_private_bytes(private))

    def private_bytes(self) -> bytes:
        """The 32 secret bytes; whoever reads them can sign in this name."""
        return self._private.private_bytes_raw()

    @property
    def name(self) -> str:
        """The party's name."""
        return self._name

    @property
    def public_bytes(self) -> bytes:
        """The 32-byte public key, for the roster."""
        return self._private.public_key().public_bytes_raw()

    def sign(self, message: bytes, context: bytes) -> bytes:
        """The 64-byte signature over the context string and the message."""
        return self._private.sign(context + message)

    def save(self, path: Path, passphrase: str | None = None) -> None:
        """Write a file that only its owner can read, whole or not at all; sealed if there is a passphrase."""
        private_files.save(path, _KIND, [self._name, self.private_bytes()], passphrase)

    @classmethod
    def load(cls, path: Path, passphrase: str | None = None) -> "Identity":
        """Read a file of `save`.

        Raises:
            KeyRoleError: others may read the file, or the passphrase is missing or wrong.
            WireError: damaged or oversized file, or no identity.
        """
        return cls.from_private_bytes(*private_files.load(path, _KIND, (str, bytes), passphrase))
