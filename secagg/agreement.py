"""X25519 key agreement (RFC 7748) and HKDF-SHA256 (RFC 5869) with a context string in every call."""

from collections.abc import Collection
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gradveil.exchange import wire
from secagg.errors import TamperedError
from secagg.framing import VERSION, Header
from secagg.secret import Secret

DERIVED_BYTES = 32
_PROTOCOL = "gradveil secagg v2 x25519 hkdf-sha256 aes-256"


class Purpose(StrEnum):
    """What a derived key is for; no key serves two purposes."""

    SHARE_ENCRYPTION = "share encryption"
    PAIR_MASK = "pair mask"
    SELF_MASK = "self mask"
    SEED_COMMITMENT = "seed commitment"


def derive(secret: bytes, purpose: Purpose, header: Header, parties: Collection[str]) -> bytes:
    """32 bytes for one purpose, session, round, roster and set of client ids.

    The salt is the header's binding (the roster hash); the info is a canonical envelope of the rest, so
    that no two contexts have the same bytes.
    """
    info = wire.pack(
        "secagg-kdf", VERSION, [_PROTOCOL, purpose, header.session, header.round, sorted(parties)]
    )
    return HKDF(algorithm=SHA256(), length=DERIVED_BYTES, salt=header.binding, info=info).derive(secret)


class KeyPair(Secret):
    """An X25519 key pair for one session; `public` is 32 bytes."""

    def __init__(self, private: X25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> "KeyPair":
        """A new pair from the operating system's randomness."""
        return cls(X25519PrivateKey.generate())

    @classmethod
    def from_secret(cls, secret: bytes) -> "KeyPair":
        """The pair of a rebuilt 32-byte secret."""
        return cls(X25519PrivateKey.from_private_bytes(secret))

    def secret(self) -> bytes:
        """The 32 private bytes, to be shared out."""
        return self._private.private_bytes_raw()

    def agree(self, peer_key: bytes, purpose: Purpose, header: Header, parties: Collection[str]) -> bytes:
        """The 32-byte key that both holders derive for this context.

        Raises:
            TamperedError: the peer's key is a point of low order.
        """
        try:
            shared = self._private.exchange(X25519PublicKey.from_public_bytes(peer_key))
        except ValueError as error:
            names = ", ".join(sorted(parties))
            raise TamperedError(f"a public key among {names} is unusable; start again without it") from error
        return derive(shared, purpose, header, parties)


def require_usable(public: bytes, owner: str) -> None:
    """Raise TamperedError for a point of low order, which agrees on the same key with everybody."""
    try:
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as error:
        raise TamperedError(f"a public key of {owner!r} is unusable; drop it") from error
