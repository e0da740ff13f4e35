"""What a published aggregate gives away: everything when raw, nothing on the grid (IND-CPA-D)."""

import numpy as np
import pytest
from tenseal import sealapi

from attacks import CkksTranscript, KeyNotRecoveredError, recover_key
from he import Accumulator, Binding, CkksParams, ClientKey, Decryptor, Identity, Roster, encrypt
from he.binding import split
from he.frames import Kind
from he.residues import unpack
from he.schemes.ring import ring_of

PARAMS = CkksParams()
COUNT = PARAMS.values_per_chunk
CLIENTS = 5


class Round:
    """One round's public transcript, and its key."""

    def __init__(self, scale):
        rng = np.random.default_rng(7)
        identities = [Identity.generate(f"client-{number}") for number in range(CLIENTS)]
        server = Identity.generate("server")
        self.roster = Roster.of(identities, server)
        self.key = ClientKey.generate(PARAMS, "publishing")
        self.binding = Binding(0, bytes(32), bytes(32), COUNT)
        accumulator = Accumulator(self.key.server_key(), self.binding, roster=self.roster, identity=server)
        for identity in identities:
            values = rng.normal(0, scale, COUNT)
            accumulator.add(encrypt(self.key, values, identity=identity, binding=self.binding))
        self.aggregate = accumulator.close()

    @property
    def chunk(self):
        body = memoryview(self.aggregate)[-PARAMS.sum_bytes(COUNT) :]
        ((chunk, _),) = split(body, PARAMS, Kind.SUM, COUNT)
        return chunk

    def transcript(self, published):
        half = len(self.chunk) // 2
        pair = tuple(
            unpack(data, PARAMS.poly_degree, PARAMS.modulus_bits)
            for data in (self.chunk[:half], self.chunk[half:])
        )
        modulus = ring_of(PARAMS).modulus
        return CkksTranscript(PARAMS.poly_degree, modulus, 2.0**PARAMS.scale_bits, (pair,), (published,))

    def raw(self):
        """What any other CKKS tool would have decrypted and published."""
        ring = ring_of(PARAMS)
        secret = ring.secret_key(self.key._secret)
        plaintext = sealapi.Plaintext()
        sealapi.Decryptor(ring.context, secret).decrypt(ring.both(self.chunk, COUNT), plaintext)
        return np.array(sealapi.CKKSEncoder(ring.context).decode_complex(plaintext))

    def released(self):
        """What this package releases."""
        values = Decryptor(self.key, self.roster).decrypt(self.aggregate, self.binding).values
        return values[: COUNT // 2] + 1j * values[COUNT // 2 :]

    def secret(self):
        """The true key in the number-theoretic domain, as packed in key files."""
        return unpack(memoryview(self.key._secret), PARAMS.poly_degree, PARAMS.modulus_bits)


@pytest.fixture(scope="module", params=[0.05, 1e-5, 0.0], ids=str)
def played(request):
    return Round(request.param)


def test_a_raw_aggregate_gives_the_whole_key_away(played):
    from attacks.keyrecovery.ntt import NegacyclicNtt

    found = recover_key(played.transcript(played.raw()))
    modulus = ring_of(PARAMS).modulus
    transformed = NegacyclicNtt(PARAMS.poly_degree, modulus).forward(found.astype(object) % modulus)
    assert np.array_equal(transformed.astype(np.uint64), played.secret())


def test_a_released_aggregate_keeps_the_key(played):
    with pytest.raises(KeyNotRecoveredError):
        recover_key(played.transcript(played.released()))


def test_what_is_released_is_the_exact_sum_and_close_to_the_raw_one(played):
    released, raw = played.released(), played.raw()
    assert np.array_equal(np.rint(released.real / PARAMS.step) * PARAMS.step, released.real)
    assert np.abs(released - raw).max() < PARAMS.step / 2
