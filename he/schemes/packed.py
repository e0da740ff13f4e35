"""BFV with several fixed-point fields in one coefficient; sums are exact integers."""

from functools import lru_cache

import numpy as np
from tenseal import sealapi

from he.errors import DecryptionError
from he.params import PackedParams
from he.residues import Words
from he.schemes import blobs, memory
from he.schemes.base import Steps
from he.schemes.ring import Plaintext, RingScheme


class PackedScheme(RingScheme):
    """Field i of coefficient j is value j * fields + i."""

    params: PackedParams

    def __init__(self, params: PackedParams) -> None:
        super().__init__(params)
        self._mask = np.uint64(2**params.plain_bits - 1)

    def encode(self, steps: Steps) -> Plaintext:
        return self.ring.plaintext(self._join(steps))

    def decode(self, plaintext: Plaintext, count: int, weight: int, squares: int) -> Steps:
        words = blobs.plaintext_words(memory.saved(plaintext))
        used = np.zeros(self.params.coefficients(count), dtype=np.uint64)
        used[: words.size] = words[: used.size]
        steps = self._split(used)
        # One message for every cause: details about a failed decryption help to recover a key.
        if np.abs(steps[:count]).max() > weight * self.params.max_steps or steps[count:].any():
            raise DecryptionError("no sum under this key; check the key and ask for a new sum")
        return steps[:count]

    def constant(self, weight: int) -> Plaintext:
        return _constant(weight)

    def _join(self, steps: Steps) -> Words:
        fields = np.zeros((self.params.coefficients(steps.size), self.params.fields), dtype=np.int64)
        fields.ravel()[: steps.size] = steps
        words: Words = np.zeros(len(fields), dtype=np.uint64)
        for index in range(self.params.fields):
            words += (fields[:, index] << (index * self.params.field_bits)).view(np.uint64)
        return words & self._mask

    def _split(self, words: Words) -> Steps:
        """Signed fields, the lowest first; a negative field has borrowed from the one above."""
        bits = self.params.field_bits
        half, rest = np.int64(1) << np.int64(bits - 1), words.astype(np.int64)
        fields = np.empty((words.size, self.params.fields), dtype=np.int64)
        for index in range(self.params.fields):
            fields[:, index] = ((rest + half) & (2 * half - 1)) - half
            rest = (rest - fields[:, index]) >> bits
        return fields.ravel()


@lru_cache(maxsize=1024)
def _constant(weight: int) -> Plaintext:
    return sealapi.Plaintext(f"{weight:X}")
