"""Secret shares on their way through the server: AES-256-GCM, bound to round, roster, sender and receiver."""

import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gradveil.exchange import wire
from secagg.errors import TamperedError
from secagg.framing import VERSION, Header
from secagg.secret import Secret
from secagg.shamir import SHARE_BYTES

_NONCE_BYTES = 12


@dataclass(frozen=True, eq=False, repr=False)
class SharePair(Secret):
    """One client's shares of another's self-mask seed b_u and mask key s_u^SK, 33 bytes each."""

    seed: bytes
    mask_key: bytes


def seal(key: bytes, pair: SharePair, header: Header, sender: str, receiver: str) -> bytes:
    """Nonce, ciphertext and tag, 94 bytes; the key carries one message each way."""
    nonce = os.urandom(_NONCE_BYTES)
    plaintext = pair.seed + pair.mask_key
    return nonce + AESGCM(key).encrypt(nonce, plaintext, _associated(header, sender, receiver))


def unseal(key: bytes, sealed: bytes, header: Header, sender: str, receiver: str) -> SharePair:
    """What `seal` closed.

    Raises:
        TamperedError: another key, round, roster, sender or receiver, or changed bytes.
    """
    nonce, body = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        plaintext = AESGCM(key).decrypt(nonce, body, _associated(header, sender, receiver))
    except InvalidTag as error:
        raise TamperedError(
            f"the shares of {sender!r} do not open; leave this round and join a new one"
        ) from error
    return SharePair(plaintext[:SHARE_BYTES], plaintext[SHARE_BYTES:])


def _associated(header: Header, sender: str, receiver: str) -> bytes:
    return wire.pack("secagg-sealed", VERSION, [*header.fields, sender, receiver])
