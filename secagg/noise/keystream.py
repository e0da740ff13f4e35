"""Uniform numbers from AES-256-CTR: privacy noise must be as hard to predict as a key.

Whoever can predict the noise subtracts it, so a statistical generator (PCG64, SFC64) will not do.
"""

import secrets

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from secagg.errors import ProtocolError
from secagg.secret import Secret

Words = NDArray[np.uint64]

KEY_BYTES = 32
_BLOCK = 16
_WORD = 1 << 64


class Keystream(Secret):
    """An endless stream of uniform 64-bit words: AES-256 in counter mode under one key.

    A fresh random key unless one is given; the same key gives the same words, for tests.

    Raises:
        ProtocolError: a key that has not 32 bytes.
    """

    def __init__(self, key: bytes | None = None) -> None:
        key = secrets.token_bytes(KEY_BYTES) if key is None else key
        if len(key) != KEY_BYTES:
            raise ProtocolError(f"a key of {len(key)} bytes; give {KEY_BYTES} random ones, or none")
        self._cipher = Cipher(algorithms.AES(key), modes.CTR(bytes(_BLOCK))).encryptor()

    def words(self, count: int) -> Words:
        """The next words, uint64 (count,), each uniform on 0 .. 2^64 - 1; writable."""
        buffer = bytearray(8 * count + _BLOCK - 1)
        self._cipher.update_into(bytes(8 * count), buffer)
        return np.frombuffer(buffer, dtype="<u8", count=count).astype(np.uint64, copy=False)

    def below(self, bound: int, count: int) -> Words:
        """Exactly uniform on 0 .. bound - 1, uint64 (count,), for 1 <= bound <= 2^63, by rejection."""
        if bound == 1:
            return np.zeros(count, dtype=np.uint64)
        # Words from the last, incomplete run of `bound` values would favour small remainders.
        last = np.uint64(_WORD - _WORD % bound - 1)
        words = self.words(count)
        while (late := np.flatnonzero(words > last)).size:
            words[late] = self.words(late.size)
        return words % np.uint64(bound)
