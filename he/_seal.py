"""The only module that talks to TenSEAL: contexts and single ciphertexts in, bytes and arrays out.

One TenSEAL vector is always exactly one ciphertext of `slots` values, so the library neither replicates
short vectors nor splits (and warns about) long ones.
"""

from functools import lru_cache
from typing import TypeAlias

import numpy as np
import tenseal as ts
from numpy.typing import NDArray

from gradveil.exchange.errors import WireError
from he.errors import FrameError, ParametersError
from he.params import CkksParams

Context: TypeAlias = ts.Context
Vector: TypeAlias = ts.CKKSVector

_LIBRARY_ERRORS = (ValueError, RuntimeError, IndexError, OverflowError, MemoryError)
_THREADS = 1
_BYTE_ENTROPY_SLACK = 0.02


def new_context(params: CkksParams) -> Context:
    """A fresh secret key.

    Raises:
        ParametersError: the library cannot find such primes.
    """
    try:
        context = ts.context(
            ts.SCHEME_TYPE.CKKS,
            params.poly_degree,
            coeff_mod_bit_sizes=list(params.modulus_bits),
            encryption_type=ts.ENCRYPTION_TYPE.SYMMETRIC,
            n_threads=_THREADS,
        )
    except _LIBRARY_ERRORS as error:
        raise ParametersError(f"SEAL refuses the parameters ({error}); choose other modulus_bits") from error
    context.global_scale = 2.0**params.scale_bits
    return context


def serialize(context: Context, *, secret: bool) -> bytes:
    """Parameters and, when asked for, the secret key; never relinearisation or rotation keys."""
    data: bytes = context.serialize(
        save_public_key=False, save_secret_key=secret, save_galois_keys=False, save_relin_keys=False
    )
    return data


def load_context(data: bytes) -> Context:
    """A context of its own; raises WireError for damaged bytes."""
    try:
        return ts.context_from(data, n_threads=_THREADS)
    except _LIBRARY_ERRORS as error:
        raise WireError(f"key material is damaged ({error}); restore it from a copy") from error


@lru_cache(maxsize=16)
def public_material(params: CkksParams) -> bytes:
    """What a server may know: the same bytes for every key under these parameters."""
    return serialize(new_context(params), secret=False)


def max_secret_bytes(params: CkksParams) -> int:
    """Largest serialised context with a secret key: one polynomial over both primes."""
    return 2 * 8 * params.poly_degree + 4096


@lru_cache(maxsize=16)
def chunk_bytes(params: CkksParams) -> int:
    """Bytes that every serialised ciphertext fits in.

    A residue of b random bits lies in 8 bytes: some uniform, one partly filled, the rest zero. SEAL's zstd
    stays within 1.6 % of the raw size above that mixture's entropy (measured, b = 40..60, N = 4096..32768).
    """
    share = np.zeros(256)
    for byte in range(8):
        bits = min(8, max(0, params.modulus_bits[0] - 8 * byte))
        share[: 2**bits] += 2.0**-bits / 8
    share = share[share > 0]
    entropy = float(-(share * np.log2(share)).sum()) / 8
    raw = 2 * 8 * params.poly_degree
    return int(raw * (entropy + _BYTE_ENTROPY_SLACK))


def encrypt_chunk(context: Context, values: NDArray[np.float64]) -> bytes:
    """One serialised ciphertext of values (slots,)."""
    blob: bytes = ts.ckks_vector(context, values).serialize()
    return blob


def load_chunk(context: Context, blob: bytes, params: CkksParams) -> Vector:
    """One ciphertext of exactly the form that `encrypt_chunk` makes; raises FrameError for any other."""
    try:
        vector = ts.ckks_vector_from(context, blob)
        ciphertexts = vector.ciphertext()
    except _LIBRARY_ERRORS as error:
        raise FrameError(f"a ciphertext is damaged ({error}); ask its sender to send it again") from error
    if len(ciphertexts) != 1 or vector.size() != params.slots:
        raise FrameError("a ciphertext does not hold one full vector; the sender is broken")
    if ciphertexts[0].size() != 2 or ciphertexts[0].scale != 2.0**params.scale_bits:
        raise FrameError("a ciphertext has another degree or scale; give all parties the same parameters")
    return vector


def add(total: Vector, term: Vector) -> Vector:
    """The sum as a new ciphertext; raises FrameError where the library refuses it."""
    try:
        return total + term
    except _LIBRARY_ERRORS as error:
        raise FrameError(f"a ciphertext cannot be added ({error}); ask its sender for a fresh one") from error


def decrypt_chunk(vector: Vector) -> NDArray[np.float64]:
    """Raw slots (slots,) with noise that depends on the secret: to be rounded before anybody sees them."""
    return np.array(vector.decrypt(), dtype=np.float64)
