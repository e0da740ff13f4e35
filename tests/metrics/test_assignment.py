"""The pairing of a batch finds what was permuted, and is the cheapest there is."""

from itertools import permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gradveil.metrics import assign


@given(st.permutations(range(6)), st.integers(0, 2**32 - 1))
def test_a_planted_permutation_is_found(order, seed):
    rng = np.random.default_rng(seed)
    truth = rng.random((6, 1, 4, 4), dtype=np.float32)
    found = truth[order] + rng.normal(0, 0.02, truth.shape).astype(np.float32)
    assert np.asarray(order)[assign(found, truth)].tolist() == list(range(6))


@given(st.integers(0, 2**32 - 1))
def test_no_pairing_is_cheaper(seed):
    found, truth = np.random.default_rng(seed).random((2, 4, 1, 2, 2), dtype=np.float32)

    def cost(order):
        return np.square(found[list(order)].astype(np.float64) - truth).sum()

    assert cost(assign(found, truth)) <= min(map(cost, permutations(range(4)))) + 1e-12


def test_no_reconstruction_stands_for_two_examples():
    found = np.zeros((3, 1, 2, 2), np.float32)
    assert sorted(assign(found, np.ones_like(found))) == [0, 1, 2]
