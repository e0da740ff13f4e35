from dataclasses import replace

import pytest

from gradveil.planning import Candidate, Protection
from gradveil.planning.candidates import NOISES, RATIOS, candidates
from tests.planning.conftest import ALONE, COLLUDING, READABLE

E, M, C, D = Protection.ENCRYPTED, Protection.MASKED, Protection.CLEAR, Protection.DROPPED


def sound(rest, slice_, threat):
    return Candidate(rest, slice_, "random", 0.1).refusal(threat) is None


@pytest.mark.parametrize(
    ("rest", "slice_", "alone", "colluding", "readable"),
    [
        (M, None, True, True, True),
        (E, None, True, False, True),
        (M, E, True, False, True),
        (C, E, False, False, True),
        (C, M, False, False, True),
        (D, E, True, False, True),
        (M, D, True, True, True),
        (C, D, False, False, True),
    ],
)
def test_what_an_adversary_may_read_decides(rest, slice_, alone, colluding, readable):
    assert sound(rest, slice_, ALONE) is alone
    assert sound(rest, slice_, COLLUDING) is colluding
    assert sound(rest, slice_, READABLE) is readable


def test_without_a_shared_key_nothing_is_encrypted():
    assert not sound(E, None, replace(ALONE, shared_key=False))


def test_in_one_exchange_nothing_is_masked():
    assert not sound(M, None, replace(ALONE, one_exchange=True))
    assert sound(E, None, replace(ALONE, one_exchange=True))


@pytest.mark.parametrize(("corrupt", "expected"), [(0.5, True), (0.67, False)])
def test_a_sum_of_one_honest_client_hides_nobody(corrupt, expected):
    """Of six clients one may vanish, and three or four collude."""
    assert sound(M, None, replace(COLLUDING, corrupt=corrupt)) is expected


def test_slices_are_left_out_only_if_wanted():
    usual, all_ = set(candidates(("random",))), set(candidates(("random",), dropping=True))
    assert usual < all_
    assert not any(D in one.protections for one in usual)
    assert all(D in one.protections for one in all_ - usual)


@pytest.mark.parametrize(("most", "expected"), [(0.0, ()), (0.5, NOISES[:2]), (9.0, NOISES)])
def test_noise_is_added_up_to_what_is_allowed(most, expected):
    found = [one for one in candidates(("random",), noise=most) if one.noise]
    assert tuple(one.noise for one in found) == expected
    assert {one.protections for one in found} <= {frozenset({M})}


def test_what_is_dropped():
    assert Candidate(M, D, "random", 0.2).dropped_share == 0.2
    assert Candidate(D, E, "random", 0.2).dropped_share == 0.8
    assert Candidate(M, E, "random", 0.2).dropped_share == 0


def test_the_preferred_strategy_comes_first():
    found = [one.strategy for one in candidates(("b", "a")) if one.ratio == RATIOS[0]]
    assert found == ["b", "a"] * (len(found) // 2)
