"""From a vector of values to the ciphertexts of a frame, chunk by chunk."""

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from he.params import Params
from he.schemes import Encryptor, Steps

Floats: TypeAlias = NDArray[np.float32] | NDArray[np.float64]


def encrypt_chunks(encryptor: Encryptor, values: Floats, params: Params) -> Iterator[bytes]:
    """The ciphertexts of values (n,) that are finite and within `params.max_abs`, one after the other."""
    for start in range(0, values.size, params.values_per_chunk):
        yield encryptor.encrypt(_on_grid(values[start : start + params.values_per_chunk], params))


def _on_grid(values: Floats, params: Params) -> Steps:
    return np.rint(values.astype(np.float64) / params.step).astype(np.int64)
