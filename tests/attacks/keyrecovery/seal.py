"""An aggregation under SEAL, and what of it the public and the key holders see."""

from dataclasses import dataclass

import numpy as np
import tenseal.sealapi as sa

from attacks.keyrecovery import CkksTranscript

SCALE = 2.0**40
CLIENTS = 5


@dataclass(frozen=True)
class Seal:
    """CKKS parameters and a fresh secret key."""

    degree: int
    context: sa.SEALContext
    key: sa.SecretKey

    @property
    def primes(self):
        """Those of ciphertexts, without the special prime of a chain."""
        return [prime.value() for prime in self.context.first_context_data().parms().coeff_modulus()]

    @property
    def modulus(self):
        return self.primes[0]

    @property
    def secret(self):
        """The true key's values mod the first prime; only ever compared with what an attack found."""
        return self._values(self.key.data())

    def encode(self, slots):
        """The plaintext's values mod the first prime."""
        return self._values(self._plaintext(slots))

    def encrypt(self, slots):
        """A ciphertext's c0 and c1 mod the first prime."""
        return self._parts(self._ciphertext(slots))

    def aggregate(self, inputs):
        """Of inputs (clients, N/2): the sum's ciphertext, and the sum as decrypted."""
        total, *others = [self._ciphertext(slots) for slots in inputs]
        for other in others:
            sa.Evaluator(self.context).add_inplace(total, other)
        plain = sa.Plaintext()
        sa.Decryptor(self.context, self.key).decrypt(total, plain)
        encoder = sa.CKKSEncoder(self.context)
        decode = encoder.decode_complex if np.iscomplexobj(inputs) else encoder.decode_double
        return self._parts(total), np.array(decode(plain))

    def transcript(self, *aggregates, scale=SCALE):
        ciphertexts, published = zip(*aggregates, strict=True)
        return CkksTranscript(self.degree, self.modulus, scale, ciphertexts, published)

    def _plaintext(self, slots):
        plain = sa.Plaintext()
        sa.CKKSEncoder(self.context).encode(list(slots), SCALE, plain)
        return plain

    def _ciphertext(self, slots):
        cipher = sa.Ciphertext()
        sa.Encryptor(self.context, self.key).encrypt_symmetric(self._plaintext(slots), cipher)
        return cipher

    def _parts(self, cipher):
        return self._values(cipher), self._values(cipher, self.degree * len(self.primes))

    def _values(self, handle, start=0):
        return np.array([handle[start + index] for index in range(self.degree)], dtype=np.uint64)


def seal(degree=4096, bits=(54,)):
    parameters = sa.EncryptionParameters(sa.SCHEME_TYPE.CKKS)
    parameters.set_poly_modulus_degree(degree)
    parameters.set_coeff_modulus(sa.CoeffModulus.Create(degree, list(bits)))
    context = sa.SEALContext(parameters, True, sa.SEC_LEVEL_TYPE.TC128)
    return Seal(degree, context, sa.KeyGenerator(context).secret_key())


def real_slots(degree=4096, clients=CLIENTS, seed=0, std=0.05):
    return np.random.default_rng(seed).normal(0, std, (clients, degree // 2))


def complex_slots(degree=4096, clients=CLIENTS, seed=0, std=0.05):
    return np.random.default_rng(seed).normal(0, std, (clients, degree)).view(np.complex128)
