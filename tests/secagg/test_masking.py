"""Masks cancel exactly, hide what they cover, and are used once."""

import hashlib
from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from scipy import stats

from secagg import Contribute, FixedPoint, ProtocolError
from secagg.agreement import KeyPair
from secagg.masking import MaskKey, pair_sign
from secagg.messages import MaskedInput
from secagg.packing import pack, packed_bytes
from tests.secagg.rounds import NAMES, Round

KEY = bytes(range(32))
DTYPES = ["<u4", "<u8"]
UNLIKELY = 1e-9


def uniformity(payload):
    """P-value of a chi-square test that all byte values are equally likely."""
    counts = np.bincount(np.frombuffer(payload, np.uint8), minlength=256)
    return stats.chisquare(counts).pvalue


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [1, 3, 1000, 1 << 16, (1 << 16) + 1, 200_001])
def test_adding_and_subtracting_cancel(dtype, size):
    ring = np.arange(size, dtype=dtype)
    MaskKey(KEY).apply(ring, 1)
    assert size < 10 or not np.array_equal(ring, np.arange(size))
    MaskKey(KEY).apply(ring, -1)
    assert np.array_equal(ring, np.arange(size))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_short_mask_is_the_start_of_a_long_one(dtype):
    short, long = np.zeros(100, dtype), np.zeros(300_000, dtype)
    MaskKey(KEY).apply(short, 1)
    MaskKey(KEY).apply(long, 1)
    assert np.array_equal(short, long[:100])


def test_a_key_makes_one_mask():
    key, ring = MaskKey(KEY), np.zeros(2, "<u4")
    key.apply(ring, 1)
    with pytest.raises(ProtocolError, match="used once"):
        key.apply(ring, -1)


def test_the_two_ends_of_a_pair_have_opposite_signs():
    assert pair_sign("ann", "bob") == -pair_sign("bob", "ann")


def masked(encoding, length, vector, weight=1, **changes):
    """What ann puts on the wire of one round."""
    run = Round(NAMES[:3], threshold=2, encoding=encoding, length=length, **changes)
    run.to("ready")
    (sent,) = run.clients["ann"].handle(Contribute(vector, weight))
    return MaskedInput.from_bytes(
        sent.payload, run.header, packed_bytes(length + 1, encoding.modulus_bits)
    ).packed


@pytest.mark.parametrize("bits", [32, 64])
def test_a_masked_vector_looks_uniform_and_a_bare_one_does_not(bits):
    encoding, length = FixedPoint(1.0, 3, 10, bits), 50_000
    vector = np.random.default_rng(1).normal(0, 0.1, length).astype(np.float32)
    assert uniformity(masked(encoding, length, vector, 5)) > UNLIKELY
    assert uniformity(encoding.encode(vector, 5).tobytes()) < UNLIKELY


@pytest.mark.parametrize("bits", [8, 13, 24])
def test_rings_of_other_widths_are_covered_too(bits):
    encoding, length = FixedPoint(1.0, 3, 1, bits, bits=4), 50_000
    zeros = np.zeros(length, np.float32)
    assert uniformity(masked(encoding, length, zeros)) > UNLIKELY
    assert uniformity(pack(encoding.encode(zeros, 1), bits)) < UNLIKELY


def test_the_same_vector_looks_new_in_every_round():
    encoding, length = FixedPoint(1.0, 3, 10), 50_000
    zeros = np.zeros(length, np.float32)
    one, other = (np.frombuffer(masked(encoding, length, zeros), "<u4") for _ in range(2))
    assert uniformity((one - other).tobytes()) > UNLIKELY


class TestKeystreams:
    """No two masks come from one key, even if all randomness repeats."""

    @pytest.fixture
    def repeated(self, monkeypatch):
        """Clients that draw the same keys and seeds in every round; contexts of all derivations."""
        drawn = []

        def generate():
            drawn.append(len(drawn))
            return KeyPair.from_secret(hashlib.sha256(b"%d" % (len(drawn) % 8)).digest())

        monkeypatch.setattr("secagg.client.KeyPair.generate", generate)
        monkeypatch.setattr("secagg.client.secrets.token_bytes", lambda size: bytes(size))

    def keys(self, monkeypatch, **changes):
        """All mask keys of a round, in order."""
        made, original = [], MaskKey.__init__

        def record(key, secret):
            made.append(secret)
            original(key, secret)

        with monkeypatch.context() as patch:
            patch.setattr(MaskKey, "__init__", record)
            run = Round(**changes).to("vectors")
        assert not run.refused
        return made

    OTHERS = ({"round": 6}, {"session": bytes(16)}, {"context": bytes(32)}, {"threshold": 4})

    def test_the_same_round_again_would_repeat_them(self, repeated, monkeypatch):
        """The control: with nothing new, all keys are the same."""
        assert self.keys(monkeypatch) == self.keys(monkeypatch)

    @pytest.mark.parametrize("change", OTHERS, ids=["round", "session", "model", "threshold"])
    def test_a_change_of_context_changes_them_all(self, repeated, monkeypatch, change):
        assert not set(self.keys(monkeypatch)) & set(self.keys(monkeypatch, **change))

    def test_another_directory_changes_them_all(self, repeated, monkeypatch):
        assert not set(self.keys(monkeypatch)) & set(self.keys(monkeypatch, names=(*NAMES[:3], "eva")))

    def test_within_a_round_each_pair_shares_one_and_each_client_has_its_own(self, monkeypatch):
        made = Counter(self.keys(monkeypatch))
        assert sorted(made.values()) == [1] * 4 + [2] * 6

    def test_fresh_rounds_share_none(self, monkeypatch):
        assert not set(self.keys(monkeypatch)) & set(self.keys(monkeypatch))


def test_no_two_derivations_of_two_rounds_have_one_context(monkeypatch):
    """By construction: salt and info differ in session, round, purpose, parties or directory."""
    contexts = []

    def recorded(**fields):
        contexts[-1].add((fields["salt"], fields["info"]))
        return HKDF(**fields)

    monkeypatch.setattr("secagg.agreement.HKDF", recorded)
    for change in ({}, {"round": 6}, {"session": bytes(16)}, {"context": bytes(32)}, {}):
        contexts.append(set())
        Round(**change).play()
    # Six pairs for shares and six for masks, four seeds for masks and four for commitments.
    assert [len(found) for found in contexts] == [20] * 5
    assert all(not one & other for one, other in combinations(contexts, 2))
