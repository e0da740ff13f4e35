"""Raw SEAL with one prime: what packed BFV and complex CKKS share.

Bytes from others never reach SEAL's own loader: residues are unpacked and checked to lie below the prime,
then SEAL reads a blob built here around them (see `he.schemes.blobs`).
"""

from abc import abstractmethod
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from tenseal import sealapi

from gradveil.exchange.errors import WireError
from he import residues
from he.errors import FrameError, ParametersError
from he.params import CkksParams, Encryption, PackedParams
from he.params.base import least_prime
from he.params.ring import SEED_BYTES, RingParams
from he.residues import Words
from he.schemes import blobs, memory
from he.schemes.base import Adder, Ciphertext, Decryptor, Encryptor, Scheme, Steps

Plaintext: TypeAlias = Any

_BFV, _CKKS = sealapi.SCHEME_TYPE.BFV, sealapi.SCHEME_TYPE.CKKS
_LEVEL = sealapi.SEC_LEVEL_TYPE.NONE  # he.security is stricter than SEAL's built-in table


class Ring:
    """SEAL's context for one set of parameters, and the way between its objects and residues."""

    def __init__(self, params: RingParams) -> None:
        self.params = params
        self.degree, self.bits = params.poly_degree, params.modulus_bits
        self.packed = isinstance(params, PackedParams)
        self.context = _new_context(params)
        self.modulus = _modulus(self.context)
        if not least_prime(self.bits) <= self.modulus < 2**self.bits:
            raise ParametersError(f"SEAL finds no good prime of {self.bits} bits; choose other modulus_bits")
        self._parms_id = _id_bytes(self.context.first_parms_id())

    def pack(self, words: Words) -> bytes:
        """Residues side by side."""
        return residues.pack(words, self.bits)

    def unpack(self, data: memoryview, count: int) -> Words:
        """`count` residues, the rest of the polynomial zero; FrameError if one is not below the prime."""
        words = np.zeros(self.degree, dtype=np.uint64)
        words[:count] = residues.unpack(data, count, self.bits)
        if words.max(initial=0) >= self.modulus:
            raise FrameError("a residue is not below the prime; the sender is broken")
        return words

    def plaintext(self, words: Words) -> Plaintext:
        """A BFV plaintext of these coefficients."""
        return self._load(sealapi.Plaintext(), blobs.plaintext(bytes(32), words))

    def secret_key(self, packed: bytes) -> Any:  # noqa: ANN401
        """SEAL's key of `pack`ed residues in NTT form."""
        words = self.unpack(memoryview(packed), self.degree)
        return self._load(sealapi.SecretKey(), blobs.plaintext(self._parms_id, words))

    def public_key(self, packed: bytes) -> Any:  # noqa: ANN401
        """SEAL's key of two `pack`ed polynomials in NTT form."""
        words = self._pair(memoryview(packed), self.degree)
        blob = blobs.ciphertext(self._parms_id, words, ntt=True, scale=1.0)
        return self._load(sealapi.PublicKey(), blob)

    def seeded(self, chunk: memoryview, count: int) -> Ciphertext:
        """A shared-key upload: c0 and a seed."""
        words = self.unpack(chunk[:-SEED_BYTES], self.params.coefficients(count))
        seed = bytes(chunk[-SEED_BYTES:])
        blob = blobs.seeded_ciphertext(self._parms_id, words, seed, ntt=not self.packed, scale=self._scale)
        return self._load(sealapi.Ciphertext(), blob)

    def both(self, chunk: memoryview, count: int) -> Ciphertext:
        """A sum or a public-key upload: c0 and c1."""
        words = self._pair(chunk, self.params.coefficients(count))
        blob = blobs.ciphertext(self._parms_id, words, ntt=not self.packed, scale=self._scale)
        return self._load(sealapi.Ciphertext(), blob)

    def dump(self, ciphertext: Ciphertext, count: int) -> bytes:
        """What `both` reads."""
        words = blobs.ciphertext_words(memory.saved(ciphertext))
        return self.pack(words[: self.params.coefficients(count)]) + self.pack(words[self.degree :])

    def _pair(self, data: memoryview, count: int) -> Words:
        first = residues.packed_bytes(count, self.bits)
        return np.concatenate((self.unpack(data[:first], count), self.unpack(data[first:], self.degree)))

    def _load(self, target: Any, blob: bytes) -> Any:  # noqa: ANN401
        memory.load(target, self.context, blob)
        return target

    @property
    def _scale(self) -> float:
        return 2.0**self.params.scale_bits if isinstance(self.params, CkksParams) else 1.0


class RingScheme(Scheme):
    """Keys and sums under one prime; a subclass turns steps into plaintexts and back."""

    def __init__(self, params: RingParams) -> None:
        self.params = params
        self.ring = ring_of(params)

    @abstractmethod
    def encode(self, steps: Steps) -> Plaintext:
        """A plaintext of steps (n,)."""

    @abstractmethod
    def decode(self, plaintext: Plaintext, count: int, weight: int, squares: int) -> Steps:
        """See `Decryptor.decrypt`."""

    @abstractmethod
    def constant(self, weight: int) -> Plaintext:
        """A plaintext that multiplies every value by the weight and leaves the scale."""

    def generate(self) -> bytes:
        generator = sealapi.KeyGenerator(self.ring.context)
        key = generator.secret_key()
        return self.ring.pack(blobs.plaintext_words(memory.saved(key)))

    def publish(self, secret: bytes) -> bytes:
        generator = sealapi.KeyGenerator(self.ring.context, self.ring.secret_key(secret))
        public = sealapi.PublicKey()
        generator.create_public_key(public)
        words = blobs.ciphertext_words(memory.saved(public))
        return self.ring.pack(words[: self.ring.degree]) + self.ring.pack(words[self.ring.degree :])

    def require_secret(self, secret: bytes) -> None:
        _require_length(secret, self.ring.params.polynomial_bytes)
        self.ring.unpack(memoryview(secret), self.ring.degree)

    def require_public(self, public: bytes) -> None:
        _require_length(public, 2 * self.ring.params.polynomial_bytes)
        self.ring.public_key(public)

    def secret_encryptor(self, secret: bytes) -> Encryptor:
        return _SharedKeyEncryptor(self, secret)

    def public_encryptor(self, public: bytes) -> Encryptor:
        return _PublicEncryptor(self, public)

    def adder(self) -> Adder:
        return _RingAdder(self)

    def decryptor(self, secret: bytes) -> Decryptor:
        return _RingDecryptor(self, secret)


class _SharedKeyEncryptor(Encryptor):
    def __init__(self, scheme: RingScheme, secret: bytes) -> None:
        self._scheme, self._ring = scheme, scheme.ring
        self._seal = sealapi.Encryptor(self._ring.context, self._ring.secret_key(secret))

    def encrypt(self, steps: Steps) -> bytes:
        sealed = self._seal.encrypt_symmetric(self._scheme.encode(steps))
        words, seed = blobs.seeded_parts(memory.saved(sealed))
        return self._ring.pack(words[: self._ring.params.coefficients(steps.size)]) + seed


class _PublicEncryptor(Encryptor):
    def __init__(self, scheme: RingScheme, public: bytes) -> None:
        self._scheme, self._ring = scheme, scheme.ring
        self._seal = sealapi.Encryptor(self._ring.context, self._ring.public_key(public))

    def encrypt(self, steps: Steps) -> bytes:
        ciphertext = sealapi.Ciphertext(self._ring.context)
        self._seal.encrypt(self._scheme.encode(steps), ciphertext)
        return self._ring.dump(ciphertext, steps.size)


class _RingAdder(Adder):
    def __init__(self, scheme: RingScheme) -> None:
        self._scheme, self._ring = scheme, scheme.ring
        self._evaluator = sealapi.Evaluator(self._ring.context)
        self._seeded = scheme.params.encryption is Encryption.SHARED_KEY

    def require_valid(self, chunk: memoryview, count: int) -> None:
        first = residues.packed_bytes(self._ring.params.coefficients(count), self._ring.bits)
        self._ring.unpack(chunk[:first], self._ring.params.coefficients(count))
        if not self._seeded and not self._ring.unpack(chunk[first:], self._ring.degree).any():
            raise FrameError("a ciphertext without a second polynomial hides nothing; drop its sender")

    def load(self, chunk: memoryview, count: int) -> Ciphertext:
        return self._ring.seeded(chunk, count) if self._seeded else self._ring.both(chunk, count)

    def multiply(self, ciphertext: Ciphertext, weight: int) -> Ciphertext:
        self._evaluator.multiply_plain_inplace(ciphertext, self._scheme.constant(weight))
        return ciphertext

    def add(self, total: Ciphertext, term: Ciphertext) -> None:
        try:
            self._evaluator.add_inplace(total, term)
        except RuntimeError as error:
            # SEAL adds first and then refuses a sum whose second polynomial vanished.
            self.subtract(total, term)
            raise FrameError(f"{error}: a second polynomial was chosen to cancel; drop its sender") from error

    def subtract(self, total: Ciphertext, term: Ciphertext) -> None:
        self._evaluator.sub_inplace(total, term)

    def dump(self, total: Ciphertext, count: int) -> bytes:
        return self._ring.dump(total, count)


class _RingDecryptor(Decryptor):
    def __init__(self, scheme: RingScheme, secret: bytes) -> None:
        self._scheme, self._ring = scheme, scheme.ring
        self._seal = sealapi.Decryptor(self._ring.context, self._ring.secret_key(secret))

    def decrypt(self, chunk: memoryview, count: int, weight: int, squares: int) -> Steps:
        plaintext = sealapi.Plaintext()
        self._seal.decrypt(self._ring.both(chunk, count), plaintext)
        return self._scheme.decode(plaintext, count, weight, squares)


@lru_cache(maxsize=16)
def ring_of(params: RingParams) -> Ring:
    """One ring for each set of parameters; building a context takes milliseconds."""
    return Ring(params)


def _new_context(params: RingParams) -> Any:  # noqa: ANN401
    kind = _BFV if isinstance(params, PackedParams) else _CKKS
    wanted = sealapi.EncryptionParameters(kind)
    wanted.set_poly_modulus_degree(params.poly_degree)
    try:
        wanted.set_coeff_modulus(sealapi.CoeffModulus.Create(params.poly_degree, list(params.primes)))
        if isinstance(params, PackedParams):
            wanted.set_plain_modulus(1 << params.plain_bits)
    except (ValueError, RuntimeError) as error:
        raise ParametersError(f"SEAL refuses the parameters ({error}); choose others") from error
    context = sealapi.SEALContext(wanted, True, _LEVEL)
    if not context.parameters_set():
        reason = context.parameters_error_message()
        raise ParametersError(f"SEAL refuses the parameters ({reason}); choose others")
    return context


def _modulus(context: Any) -> int:  # noqa: ANN401
    return int(context.first_context_data().parms().coeff_modulus()[0].value())


def _id_bytes(parms_id: list[int]) -> bytes:
    return b"".join(word.to_bytes(8, "little") for word in parms_id)


def _require_length(key: bytes, wanted: int) -> None:
    if len(key) != wanted:
        raise WireError(f"a key of {len(key)} bytes instead of {wanted}; restore it from a copy")
