from dataclasses import replace

import pytest

from gradveil.plan import from_bytes
from gradveil.planning import Attempt, Budget, Fate, Leakage, NoPlanError, Wishes, planner, propose
from gradveil.planning.candidates import NOISES
from tests.planning.conftest import ALONE, COLLUDING, READABLE

WISHES = Wishes(strategies=("row_norm",), attack_steps=60)
LENIENT = Budget(leakage=40.0)


def proposed(subject, threat, budget=LENIENT, **wishes):
    return propose(subject, threat, budget, replace(WISHES, **wishes), lambda _: None)


def test_the_cheapest_sound_candidate_is_chosen(subject):
    found = proposed(subject, ALONE)
    looked_at = [one for one in found.judged if one.cost is not None and one.fate is not Fate.CHOSEN]
    assert found.chosen.fate is Fate.CHOSEN
    assert all(
        one.cost.bytes >= found.chosen.cost.bytes
        for one in looked_at
        if one.fate is Fate.DEARER and not one.candidate.noise
    )
    assert not found.chosen.candidate.noise
    assert found.chosen.error <= LENIENT.error
    assert found.expected.bytes == pytest.approx(found.measured.bytes, rel=0.01)


def test_every_candidate_is_accounted_for_once(subject):
    names = [one.candidate.name for one in proposed(subject, COLLUDING).judged]
    assert len(names) == len(set(names)) == 2 + len(NOISES) + 3 * 6


def test_colluding_clients_leave_masks_only(subject):
    found = proposed(subject, COLLUDING)
    assert found.plan.masked.all()
    reasons = {one.reason for one in found.judged if one.fate is Fate.UNSOUND}
    assert any("colluding" in reason for reason in reasons)


def test_one_exchange_leaves_encryption_only(subject):
    found = proposed(subject, replace(ALONE, one_exchange=True))
    assert found.plan.encrypted.mask.all()
    assert found.plan.masking is None
    assert found.chosen.leakage.worst is None


def test_a_plan_survives_its_file(subject):
    plan = proposed(subject, ALONE).plan
    assert from_bytes(plan.to_bytes()).hash == plan.hash


def test_where_all_readings_leak_the_message_says_what_to_relax(subject):
    threat = replace(READABLE, shared_key=False, one_exchange=True)
    with pytest.raises(NoPlanError, match=r"unsound: clients may not share") as raised:
        proposed(subject, threat)
    assert "several exchanges" in str(raised.value)


@pytest.mark.parametrize(
    ("budget", "words"),
    [(Budget(bytes=100), "--max-bytes"), (Budget(seconds=1e-9), "--max-seconds")],
)
def test_a_budget_that_nothing_keeps_is_named(subject, budget, words):
    with pytest.raises(NoPlanError, match=words):
        proposed(subject, ALONE, budget)


def test_a_leaking_sum_is_refused_with_its_decibels(subject):
    """Three clients of one picture each, whose sum gives the pictures away."""
    threat = replace(ALONE, clients=3, dropout=0.0, shared_key=False)
    with pytest.raises(NoPlanError, match=r"'all masked', which leaks [0-9.]+ dB.*--max-noise"):
        proposed(subject, threat, Budget(leakage=5.0, noise=0.0), attack_steps=300)


def test_a_leaking_sum_is_noised_as_little_as_it_takes(subject, monkeypatch):
    decibels = iter([20.0, 20.0, 9.0])

    def attacked(*_):
        return Leakage((Attempt("mask_aware", "sum", "ok", (next(decibels),), 1.0, ""),), {"sum": (9.0,)})

    monkeypatch.setattr(planner, "attacked", attacked)
    found = proposed(subject, COLLUDING, Budget())
    assert [one.candidate.noise for one in found.judged if one.fate is Fate.LEAKS] == [0.0, NOISES[0]]
    assert found.chosen.candidate.noise == NOISES[1]
    assert found.plan.noise.honest == COLLUDING.honest
    assert from_bytes(found.plan.to_bytes()).noise == found.plan.noise


def test_a_leaking_sum_makes_encryption_worth_its_price(subject):
    threat = replace(ALONE, clients=3, dropout=0.0)
    found = proposed(subject, threat, Budget(leakage=5.0), attack_steps=300)
    assert found.plan.encrypted.mask.all()


def test_what_is_dropped_must_keep_the_error(subject):
    found = proposed(subject, COLLUDING, dropping=True)
    inaccurate = [one for one in found.judged if one.fate is Fate.INACCURATE]
    assert inaccurate
    assert found.plan.masked.all()


def test_a_generous_error_lets_slices_be_dropped(subject):
    found = proposed(subject, COLLUDING, Budget(leakage=40.0, error=0.99), dropping=True)
    assert found.plan.dropped.mask.any()
    assert found.chosen.error <= 0.99


def test_seconds_decide_if_only_they_are_limited(subject):
    found = proposed(subject, replace(ALONE, dropout=0.0), Budget(leakage=40.0, seconds=100.0))
    dearer = [one.cost.seconds for one in found.judged if one.fate is Fate.DEARER]
    assert all(found.chosen.cost.seconds <= seconds for seconds in dearer)


def test_a_plan_whose_attacks_all_fail_is_no_plan(subject, monkeypatch):
    failed = Attempt("mask_aware", "sum", "failed", (), 1.0, "RuntimeError: no rule")
    monkeypatch.setattr(planner, "attacked", lambda *_: Leakage((failed,), {"sum": (9.0,)}))
    with pytest.raises(NoPlanError, match="no rule"):
        proposed(subject, COLLUDING)


def test_after_so_many_attacked_views_the_search_gives_up(subject):
    threat = replace(READABLE, shared_key=False, clients=3, dropout=0.0)
    with pytest.raises(NoPlanError, match="--attacks"):
        proposed(subject, threat, Budget(leakage=0.1), attacks=1, attack_steps=300)
