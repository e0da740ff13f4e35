"""CKKS with two reals in a slot; sums leave it only on the grid, see `he.schemes.rounding`."""

import numpy as np
from tenseal import sealapi

from he.params import CkksParams
from he.schemes.base import Steps
from he.schemes.ring import Plaintext, RingScheme
from he.schemes.rounding import rounded


class CkksScheme(RingScheme):
    """Slot j is value j + i * value (j + N/2)."""

    params: CkksParams

    def __init__(self, params: CkksParams) -> None:
        super().__init__(params)
        self._encoder = sealapi.CKKSEncoder(self.ring.context)

    def encode(self, steps: Steps) -> Plaintext:
        values = np.zeros((2, self.params.poly_degree // 2))
        values.ravel()[: steps.size] = steps * self.params.step
        plaintext = sealapi.Plaintext()
        slots = (values[0] + 1j * values[1]).tolist()
        self._encoder.encode(slots, 2.0**self.params.scale_bits, plaintext)
        return plaintext

    def decode(self, plaintext: Plaintext, count: int, weight: int, squares: int) -> Steps:
        slots = np.array(self._encoder.decode_complex(plaintext))
        raw = np.concatenate((slots.real, slots.imag))
        return rounded(raw, self.params, count, weight, self.params.noise_bound(weight, squares))

    def constant(self, weight: int) -> Plaintext:
        plaintext = sealapi.Plaintext()
        self._encoder.encode(float(weight), 1.0, plaintext)
        return plaintext
