"""From values to a frame and back; nothing but exact grid values ever leaves a decryption.

Raw CKKS results carry noise that depends on the secret key: published, a few of them give the key away
(Li and Micciancio, eprint 2020/1533; IND-CPA-D). So values go onto a grid before encryption, the
parameters keep the noise far below the grid's step, and rounding a decrypted sum restores the exact sum of
the rounded inputs.
"""

import numpy as np
from numpy.typing import NDArray

from gradveil.exchange.errors import InvalidUpdateError, TooFewClientsError
from he import _seal
from he.errors import CapacityError, DecryptionError
from he.frame import Frame, chunk_count
from he.keys import ClientKey
from he.params import CkksParams

Floats = NDArray[np.float32] | NDArray[np.float64]


def encrypt(key: ClientKey, values: Floats, *, client: str, binding: bytes) -> bytes:
    """One client's frame of values (n,), each rounded to the nearest multiple of `params.step`.

    Raises:
        InvalidUpdateError: another dtype than float32 or float64, another shape, NaN or infinity.
        CapacityError: no values, too many, or one beyond `params.max_abs`.
        FrameError: a binding that is not 32 bytes, or an unprintable client name.
    """
    params = key.params
    rows = _chunked(_on_grid(values, params), params)
    blobs = tuple(_seal.encrypt_chunk(key._context, row) for row in rows)
    return Frame(params, binding, (client,), values.size, blobs).to_bytes()


def decrypt(
    key: ClientKey, frame: bytes, *, binding: bytes, min_contributors: int = 2
) -> NDArray[np.float64]:
    """The exact sum of the contributors' rounded values, shape (n,).

    The number of contributors is what the frame claims; see `he.frame` on what is not authenticated.

    Raises:
        FrameError: damaged bytes, other parameters or another binding.
        TooFewClientsError: a sum over fewer than `min_contributors` would expose one of them.
        CapacityError: more contributors than `params.max_clients`.
        DecryptionError: another key, or a damaged ciphertext.
    """
    found = Frame.from_bytes(frame, key.params)
    found.require_bound_to(binding)
    clients = len(found.contributors)
    if clients < min_contributors:
        raise TooFewClientsError(
            f"a sum over {clients} clients, not {min_contributors}; wait for more uploads"
        )
    vectors = [_seal.load_chunk(key._context, chunk, key.params) for chunk in found.chunks]
    raw = np.concatenate([_seal.decrypt_chunk(vector) for vector in vectors])
    return _exact_sum(raw, found.count, clients, key.params)


def _on_grid(values: Floats, params: CkksParams) -> NDArray[np.float64]:
    if not isinstance(values, np.ndarray) or values.dtype not in (np.float32, np.float64) or values.ndim != 1:
        raise InvalidUpdateError("values are not one float32 or float64 vector; flatten and convert them")
    if not np.isfinite(values).all():
        raise InvalidUpdateError("a value is NaN or infinite; check the update before it is encrypted")
    if np.any(np.abs(values) > params.max_abs):
        raise CapacityError(f"a value exceeds max_abs {params.max_abs}; scale or clip the update")
    return np.rint(values.astype(np.float64) / params.step) * params.step


def _chunked(values: NDArray[np.float64], params: CkksParams) -> NDArray[np.float64]:
    chunks = chunk_count(values.size, params)
    padded = np.pad(values, (0, chunks * params.slots - values.size))
    return padded.reshape(chunks, params.slots)


def _exact_sum(raw: NDArray[np.float64], count: int, clients: int, params: CkksParams) -> NDArray[np.float64]:
    steps = np.rint(raw / params.step)
    on_grid = np.abs(raw - steps * params.step).max() <= params.noise_bound(clients)
    in_range = np.abs(steps).max() * params.step <= clients * params.max_abs
    # One message for every cause: details about a failed decryption help to recover a key.
    if not (on_grid and in_range) or steps[count:].any():
        raise DecryptionError(
            "the frame does not hold a sum under this key; check the key and ask for a new sum"
        )
    # Adding zero turns -0.0, whose sign is that of the noise, into 0.0.
    return steps[:count] * params.step + 0.0
