"""Masks cancel exactly, hide what they cover, and are used once."""

import numpy as np
import pytest
from scipy import stats

from secagg import FixedPoint, LocalRound, ProtocolError
from secagg.masking import MaskKey, pair_sign
from tests.secagg.rounds import CONTEXT

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


@pytest.mark.parametrize("bits", [32, 64])
def test_a_masked_vector_looks_uniform_and_a_bare_one_does_not(bits):
    encoding, length = FixedPoint(1.0, 3, 10, bits), 50_000
    vector = np.random.default_rng(1).normal(0, 0.1, length).astype(np.float32)
    run = LocalRound(["a", "b", "c"], encoding, length, context=CONTEXT)
    run.share_keys()
    assert uniformity(run.mask("a", vector, 5)[-length:]) > UNLIKELY
    assert uniformity(encoding.encode(vector, 5).tobytes()[-length:]) < UNLIKELY


def test_the_same_vector_looks_new_in_every_round():
    encoding, length = FixedPoint(1.0, 3, 10), 50_000
    rounds = [LocalRound(["a", "b", "c"], encoding, length, context=CONTEXT) for _ in range(2)]
    for run in rounds:
        run.share_keys()
    one, other = (
        np.frombuffer(run.mask("a", np.zeros(length, np.float32), 1)[-4 * length :], "<u4") for run in rounds
    )
    assert uniformity((one - other).tobytes()) > UNLIKELY
