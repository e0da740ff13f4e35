"""From a vector of values to the ciphertexts of a frame, chunk by chunk into one buffer."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from he.params import Params
from he.schemes import Encryptor, Steps

Floats: TypeAlias = NDArray[np.float32] | NDArray[np.float64]


def encrypt_body(encryptor: Encryptor, values: Floats, params: Params) -> bytearray:
    """All ciphertexts of values (n,) that are finite and within `params.max_abs`."""
    body = bytearray(params.upload_bytes(values.size))
    fill_body(encryptor, values, params, memoryview(body))
    return body


def fill_body(encryptor: Encryptor, values: Floats, params: Params, body: memoryview) -> None:
    """Write the ciphertexts of values (n,) into their `params.upload_bytes(n)` bytes."""
    end = 0
    for start in range(0, values.size, params.values_per_chunk):
        chunk = encryptor.encrypt(_on_grid(values[start : start + params.values_per_chunk], params))
        body[end : end + len(chunk)] = chunk
        end += len(chunk)


def _on_grid(values: Floats, params: Params) -> Steps:
    return np.rint(values.astype(np.float64) / params.step).astype(np.int64)
