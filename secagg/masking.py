"""One-time masks: the AES-256-CTR keystream, added to a ring vector in place."""

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from secagg.errors import ProtocolError
from secagg.ring import Ring
from secagg.secret import Secret

_CHUNK = 1 << 18  # bytes; the fastest size measured, it stays in the L2 cache
_BLOCK = 16
_ZEROS = memoryview(bytes(_CHUNK))


class MaskKey(Secret):
    """A 32-byte key that makes one mask and is then forgotten.

    The counter starts at zero, so a second use would subtract out: the key must come from a derivation
    with session, round and purpose in its context.
    """

    def __init__(self, key: bytes) -> None:
        self._key: bytes | None = key

    def apply(self, ring: Ring, sign: int) -> None:
        """Add (sign 1) or subtract (sign -1) the mask in place; a contiguous '<u4' or '<u8' vector.

        Raises:
            ProtocolError: the key was used before.
        """
        if self._key is None:
            raise ProtocolError("a mask key is used once; start a new round for another vector")
        key, self._key = self._key, None
        _combine_keystream(ring, key, np.add if sign > 0 else np.subtract)


def pair_sign(client: str, peer: str) -> int:
    """1 if the client adds the mask it shares with this peer, -1 if it subtracts; opposite for the peer."""
    return 1 if client > peer else -1


def _combine_keystream(ring: Ring, key: bytes, combine: np.ufunc) -> None:
    cipher = Cipher(algorithms.AES(key), modes.CTR(bytes(_BLOCK))).encryptor()
    width = ring.dtype.itemsize
    buffer = bytearray(min(_CHUNK, ring.nbytes) + _BLOCK - 1)
    for start in range(0, ring.size, _CHUNK // width):
        part = ring[start : start + _CHUNK // width]
        cipher.update_into(_ZEROS[: part.nbytes], buffer)
        combine(part, np.frombuffer(buffer, dtype=ring.dtype, count=part.size), out=part)
