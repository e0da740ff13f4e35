"""Who says what: signatures of the malicious version, against a roster that every party pinned beforehand."""

import hashlib

from gradveil.exchange import WireError
from gradveil.parties import Identity, Roster, SignatureError
from gradveil.parties.identity import SIGNATURE_BYTES
from secagg.adversary import Adversary
from secagg.config import RoundConfig
from secagg.errors import ProtocolError, TamperedError
from secagg.events import SERVER
from secagg.framing import Header
from secagg.messages import Keys

_KEYS = b"gradveil secagg keys v1\0"
_SURVIVORS = b"gradveil secagg survivors v1\0"
_MESSAGE = b"gradveil secagg message v1\0"


def require_roster(config: RoundConfig, roster: Roster | None, identity: Identity | None, name: str) -> None:
    """Check what a client needs against a malicious server: an identity that its roster lists.

    Raises:
        ProtocolError: something is missing, or given where nothing is signed.
    """
    malicious = config.adversary is Adversary.MALICIOUS
    if name == SERVER:
        raise ProtocolError(f"a client may not be called {SERVER!r}; rename it")
    if not malicious and (roster is not None or identity is not None):
        raise ProtocolError("a semi-honest server needs no signatures; give neither identity nor roster")
    if not malicious:
        return
    if roster is None or identity is None:
        raise ProtocolError("a malicious server needs an identity and a pinned roster; give both")
    if identity.name != name or roster.clients.get(name) != identity.public_bytes:
        raise ProtocolError(f"the roster does not list the identity of {name!r}; enrol it for a new job")


def sign_keys(identity: Identity, header: Header, encryption: bytes, masking: bytes) -> bytes:
    """Over session, round, configuration and both public keys."""
    return identity.sign(_place(header) + encryption + masking, _KEYS)


def verify_keys(roster: Roster, header: Header, name: str, keys: Keys) -> None:
    """Raise TamperedError unless the client of this name signed these keys for this round."""
    try:
        signed = _place(header) + keys.encryption + keys.masking
        roster.verify_client(name, keys.signature, signed, _KEYS)
    except SignatureError as error:
        raise TamperedError(f"the keys of {name!r} are not its own ({error}); leave this server") from error


def sign_survivors(identity: Identity, header: Header, bitmap: bytes) -> bytes:
    """Over session, round, directory and the survivors that this client was told."""
    return identity.sign(_place(header) + hashlib.sha256(bitmap).digest(), _SURVIVORS)


def verify_survivors(roster: Roster, header: Header, name: str, bitmap: bytes, signature: bytes) -> None:
    """Raise TamperedError unless this client was told the same survivors."""
    try:
        signed = _place(header) + hashlib.sha256(bitmap).digest()
        roster.verify_client(name, signature, signed, _SURVIVORS)
    except SignatureError as error:
        raise TamperedError(
            f"{name!r} was told of other survivors, or did not confirm them ({error}); leave this server"
        ) from error


def seal_message(identity: Identity | None, message: bytes) -> bytes:
    """A client's message with its signature behind it, or as it is without an identity."""
    return message if identity is None else message + identity.sign(message, _MESSAGE)


def split_message(data: bytes, config: RoundConfig) -> tuple[bytes, bytes]:
    """A client's message and the signature behind it, empty if nothing is signed.

    Raises:
        WireError: too short for a signature.
    """
    if config.adversary is Adversary.SEMI_HONEST:
        return data, b""
    if len(data) <= SIGNATURE_BYTES:
        raise WireError("a message without its signature; the sender runs another version of the protocol")
    return data[:-SIGNATURE_BYTES], data[-SIGNATURE_BYTES:]


def verify_message(roster: Roster, name: str, message: bytes, signature: bytes) -> None:
    """Raise SignatureError unless the client of this name sent the message."""
    roster.verify_client(name, signature, message, _MESSAGE)


def _place(header: Header) -> bytes:
    return header.session + header.round.to_bytes(8, "little") + header.binding
