"""Plain `tenseal.ckks_vector`, one ciphertext a vector, for comparison with what frameworks do."""

from functools import lru_cache
from typing import Any

import numpy as np
import tenseal as ts

from gradveil.exchange.errors import WireError
from he.errors import FrameError, ParametersError
from he.params import Encryption, TensealVectorParams
from he.schemes.base import Adder, Ciphertext, Decryptor, Encryptor, Scheme, Steps
from he.schemes.rounding import rounded

_LIBRARY_ERRORS = (ValueError, RuntimeError, IndexError, OverflowError, MemoryError)
_THREADS = 1
_LENGTH_BYTES = 4


class TensealVectorScheme(Scheme):
    """Keys are serialised contexts, without relinearisation and rotation keys."""

    params: TensealVectorParams

    def __init__(self, params: TensealVectorParams) -> None:
        self.params = params

    def generate(self) -> bytes:
        return _serialized(_new_context(self.params), self.params, secret=True)

    def publish(self, secret: bytes) -> bytes:
        return _serialized(_load_context(secret), self.params, secret=False)

    def require_secret(self, secret: bytes) -> None:
        context = _load_context(secret)
        if not context.has_secret_key():
            raise WireError("key material holds no secret key; restore it from a copy")
        self._require_parameters(context)

    def require_public(self, public: bytes) -> None:
        context = _load_context(public)
        if context.has_secret_key():
            raise WireError("public key material holds a secret key; make a new key and publish that")
        self._require_parameters(context)

    def _require_parameters(self, context: ts.Context) -> None:
        if _bare(context) != _bare_parameters(self.params):
            raise WireError("key material of other parameters; give all parties the same ones")

    def secret_encryptor(self, secret: bytes) -> Encryptor:
        return _VectorEncryptor(_load_context(secret), self.params)

    def public_encryptor(self, public: bytes) -> Encryptor:
        return _VectorEncryptor(_load_context(public), self.params)

    def adder(self) -> Adder:
        return _VectorAdder(_public_context(self.params), self.params)

    def decryptor(self, secret: bytes) -> Decryptor:
        return _VectorDecryptor(_load_context(secret), self.params)


class _VectorEncryptor(Encryptor):
    def __init__(self, context: ts.Context, params: TensealVectorParams) -> None:
        self._context, self._params = context, params

    def encrypt(self, steps: Steps) -> bytes:
        # A full vector: tenseal would repeat a shorter one in all slots.
        values = np.zeros(self._params.values_per_chunk)
        values[: steps.size] = steps * self._params.step
        return _padded(ts.ckks_vector(self._context, values).serialize(), self._params)


class _VectorAdder(Adder):
    def __init__(self, context: ts.Context, params: TensealVectorParams) -> None:
        self._context, self._params = context, params

    def require_valid(self, chunk: memoryview, count: int) -> None:
        self.load(chunk, count)

    def load(self, chunk: memoryview, count: int) -> Ciphertext:
        return _loaded(self._context, chunk, self._params)

    def multiply(self, ciphertext: Ciphertext, weight: int) -> Ciphertext:
        # Doublings and sums: a product in tenseal is rescaled and lands at another scale.
        product = ciphertext
        for bit in bin(weight)[3:]:
            product = product + product
            product = product + ciphertext if bit == "1" else product
        return product

    def add(self, total: Ciphertext, term: Ciphertext) -> None:
        total.add_(term)

    def subtract(self, total: Ciphertext, term: Ciphertext) -> None:
        total.sub_(term)

    def dump(self, total: Ciphertext, count: int) -> bytes:
        return _padded(total.serialize(), self._params)


class _VectorDecryptor(Decryptor):
    def __init__(self, context: ts.Context, params: TensealVectorParams) -> None:
        self._context, self._params = context, params

    def decrypt(self, chunk: memoryview, count: int, weight: int, squares: int) -> Steps:
        raw = np.array(_loaded(self._context, chunk, self._params).decrypt())
        return rounded(raw, self._params, count, weight, self._params.noise_bound(weight, squares))


def _new_context(params: TensealVectorParams) -> ts.Context:
    symmetric = params.encryption is Encryption.SHARED_KEY
    kind = ts.ENCRYPTION_TYPE.SYMMETRIC if symmetric else ts.ENCRYPTION_TYPE.ASYMMETRIC
    bits = list(params.modulus_bits)
    try:
        context = ts.context(
            ts.SCHEME_TYPE.CKKS,
            params.poly_degree,
            coeff_mod_bit_sizes=bits,
            encryption_type=kind,
            n_threads=_THREADS,
        )
    except _LIBRARY_ERRORS as error:
        raise ParametersError(f"tenseal refuses the parameters ({error}); choose others") from error
    context.global_scale = 2.0**params.scale_bits
    return context


def _public_context(params: TensealVectorParams) -> ts.Context:
    """A context that never held the secret of anybody's data: the same ring under a key of its own."""
    return _load_context(_serialized(_new_context(params), params, secret=False))


def _serialized(context: ts.Context, params: TensealVectorParams, *, secret: bool) -> bytes:
    data: bytes = context.serialize(
        save_public_key=params.encryption is Encryption.PUBLIC_KEY,
        save_secret_key=secret,
        save_galois_keys=False,
        save_relin_keys=False,
    )
    return data


def _bare(context: ts.Context) -> bytes:
    """Parameters without any key: the same bytes for every key under them."""
    data: bytes = context.serialize(
        save_public_key=False, save_secret_key=False, save_galois_keys=False, save_relin_keys=False
    )
    return data


@lru_cache(maxsize=16)
def _bare_parameters(params: TensealVectorParams) -> bytes:
    return _bare(_new_context(params))


def _load_context(material: bytes) -> ts.Context:
    try:
        return ts.context_from(material, n_threads=_THREADS)
    except _LIBRARY_ERRORS as error:
        raise WireError(f"key material is damaged ({error}); restore it from a copy") from error


def _loaded(context: ts.Context, chunk: memoryview, params: TensealVectorParams) -> Any:  # noqa: ANN401
    """One ciphertext of exactly the form that an encryption has; FrameError for any other."""
    try:
        vector = ts.ckks_vector_from(context, _unpadded(chunk))
        ciphertexts = vector.ciphertext()
    except _LIBRARY_ERRORS as error:
        raise FrameError(f"a ciphertext is damaged ({error}); ask its sender to send it again") from error
    if len(ciphertexts) != 1 or vector.size() != params.values_per_chunk:
        raise FrameError("a ciphertext does not hold one full vector; the sender is broken")
    if ciphertexts[0].size() != 2 or ciphertexts[0].scale != 2.0**params.scale_bits:
        raise FrameError("a ciphertext has another degree or scale; give all parties the same parameters")
    return vector


# SEAL's zstd makes lengths vary with the random residues; one padded length keeps byte counts reproducible.
def _padded(blob: bytes, params: TensealVectorParams) -> bytes:
    if len(blob) > params.chunk_bytes - _LENGTH_BYTES:
        raise FrameError(f"a ciphertext of {len(blob)} bytes exceeds its bound; report these parameters")
    return (len(blob).to_bytes(_LENGTH_BYTES, "little") + blob).ljust(params.chunk_bytes, b"\0")


def _unpadded(chunk: memoryview) -> bytes:
    end = _LENGTH_BYTES + int.from_bytes(chunk[:_LENGTH_BYTES], "little")
    if end > len(chunk) or any(chunk[end:]):
        raise FrameError("a chunk is not padded with zeros; ask its sender to send it again")
    return bytes(chunk[_LENGTH_BYTES:end])
