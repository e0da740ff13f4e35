"""The rank of the truth in a line-up: one for whoever saw it, the middle for whoever guesses."""

import numpy as np
import pytest

from gradveil.exchange import GradveilError
from gradveil.metrics import CANDIDATES, identification_rank

SHAPE = (1, 6, 6)


@pytest.fixture
def others():
    return np.random.default_rng(0).random((CANDIDATES - 1, *SHAPE), dtype=np.float32)


@pytest.fixture
def truth():
    return np.random.default_rng(1).random(SHAPE, dtype=np.float32)


def mean_rank(reconstruct, trials=300):
    """Mean rank over line-ups of noise images; `reconstruct` maps the truth to a reconstruction."""
    rng = np.random.default_rng(2)
    drawn = rng.random((trials, CANDIDATES, *SHAPE), dtype=np.float32)
    return np.mean([identification_rank(reconstruct(own[0]), own[0], own[1:]) for own in drawn])


def in_the_middle(rank, trials=300):
    """Within four standard errors of what a uniform rank has in the mean."""
    deviation = np.sqrt((CANDIDATES**2 - 1) / 12 / trials)
    return abs(rank - (CANDIDATES + 1) / 2) < 4 * deviation


def test_the_truth_itself_is_identified(truth, others):
    assert identification_rank(truth, truth, others) == 1


def test_another_candidate_comes_first_when_it_is_reconstructed(truth, others):
    assert identification_rank(others[7], truth, others) > 1


def test_a_guess_lands_in_the_middle():
    assert in_the_middle(mean_rank(lambda truth: np.full_like(truth, 0.5)))


def test_a_blurred_truth_does_not_land_in_the_middle():
    assert not in_the_middle(mean_rank(lambda truth: 0.2 * truth + np.float32(0.4)))


def test_ties_count_against_the_adversary(truth, others):
    others[:5] = truth
    assert identification_rank(truth, truth, others) == 6
    assert identification_rank(np.zeros_like(truth), truth, np.stack([truth] * 99)) == CANDIDATES


@pytest.mark.parametrize("count", [0, CANDIDATES - 2, CANDIDATES])
def test_a_line_up_of_another_size_is_refused(truth, count):
    with pytest.raises(GradveilError, match="99 other images"):
        identification_rank(truth, truth, np.zeros((count, *SHAPE), np.float32))
