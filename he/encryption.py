"""The client's side: values onto the grid, into ciphertexts, into a signed frame."""

from collections.abc import Iterable

import numpy as np

from gradveil.exchange.errors import InvalidUpdateError
from gradveil.parties.identity import Identity
from he.binding import Binding
from he.bodies import Floats, encrypt_chunks
from he.errors import CapacityError, FrameError
from he.frames import Kind, write_frame
from he.keys import ClientKey, PublicKey
from he.params import Params
from he.workers import Workers


def encrypt(
    key: ClientKey | PublicKey,
    values: Floats,
    *,
    identity: Identity,
    binding: Binding,
    workers: Workers | None = None,
) -> bytes:
    """One client's frame of values (binding.count,), each rounded to the nearest multiple of the step.

    Args:
        key: the shared key, or the key holder's public key.
        values: the client's contribution.
        identity: signs the frame.
        binding: what the values stand for.
        workers: processes to encrypt in; they must have been started with this key.

    Raises:
        InvalidUpdateError: another dtype than float32 or float64, another shape, NaN or infinity.
        CapacityError: too many values, or one beyond `params.max_abs`.
        FrameError: a malformed binding, or another number of values than it says.
        KeyRoleError: a key that does not encrypt, or workers of another key.
    """
    params = key.params
    expected = binding.expected(key.scope, Kind.UPLOAD)
    _require_values(values, params, binding.count)
    body: Iterable[bytes] = encrypt_chunks(key.encryptor, values, params)
    if workers is not None:
        body = [workers.encrypt(key, values)]
    return write_frame(
        Kind.UPLOAD,
        expected.context,
        {identity.name: 1},
        chunks=expected.chunks,
        chunk_bytes=expected.chunk_bytes,
        body=body,
        identity=identity,
    )


def _require_values(values: Floats, params: Params, count: int) -> None:
    if not isinstance(values, np.ndarray) or values.dtype not in (np.float32, np.float64) or values.ndim != 1:
        raise InvalidUpdateError("values are not one float32 or float64 vector; flatten and convert them")
    if values.size != count:
        raise FrameError(f"{values.size} values instead of {count}; bind the vector that you encrypt")
    if not np.isfinite(values).all():
        raise InvalidUpdateError("a value is NaN or infinite; check the update before it is encrypted")
    # As Python floats: numpy would round the limit to float32 before it compares.
    if max(float(values.max()), -float(values.min())) > params.max_abs:
        raise CapacityError(f"a value exceeds max_abs {params.max_abs}; scale or clip the update")
