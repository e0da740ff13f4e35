import numpy as np
import pytest

from gradveil.plan import Metric, Placement
from gradveil.planning import Candidate, Protection
from tests.planning.conftest import ALONE, COLLUDING, READABLE, builder

E, M, C, D = Protection.ENCRYPTED, Protection.MASKED, Protection.CLEAR, Protection.DROPPED

PAIRS = [(M, None), (E, None), (M, E), (C, E), (D, E), (C, M), (D, M), (M, D), (C, D)]


@pytest.mark.parametrize(("rest", "slice_"), PAIRS)
def test_every_coordinate_goes_where_the_candidate_says(subject, rest, slice_):
    candidate = Candidate(rest, slice_, "sensitivity" if slice_ else "", 0.3 if slice_ else 0.0)
    made = builder(subject, READABLE)
    plan = made.plan(candidate)
    masks = {E: plan.encrypted.mask, M: plan.masked, C: plan.clear.mask, D: plan.dropped.mask}
    expected = {rest: ~np.zeros(subject.layout.size, dtype=bool)}
    if slice_ is not None:
        first = made.ranking("sensitivity").take(int(masks[slice_].sum()))
        expected = {slice_: subject.lifted(first), rest: ~subject.lifted(first)}
        assert masks[slice_].mean() >= 0.299
    for kind, mask in masks.items():
        assert np.array_equal(mask, expected.get(kind, np.zeros_like(mask)))


def test_a_slice_fills_its_ciphertexts(subject):
    made = builder(subject, ALONE)
    candidate = Candidate(M, E, "sensitivity", 0.1)
    plan = made.plan(candidate)
    assert 0.1 < plan.encrypted.ratio < 1
    assert (plan.train.encrypted.size + 1) % plan.encryption.values_per_chunk == 0
    assert made.taken(candidate) == plan.encrypted.mask.sum()


def test_running_statistics_go_with_what_is_masked_or_with_the_slice(normed):
    statistics = normed.layout.mask_of(["1.running_mean", "1.running_var"])
    assert np.array_equal(normed.buffers, statistics)
    made = builder(normed, READABLE)
    assert made.plan(Candidate(M, D, "sensitivity", 0.1)).masked[statistics].all()
    assert made.plan(Candidate(C, E, "sensitivity", 0.1)).encrypted.mask[statistics].all()
    assert made.plan(Candidate(C, M, "sensitivity", 0.1)).masked[statistics].all()


def test_counters_stay_at_home(normed):
    plan = builder(normed, ALONE).plan(Candidate(M))
    assert np.array_equal(plan.dropped.mask, normed.layout.mask_of(["1.num_batches_tracked"]))


def test_rounds_with_more_dropouts_than_planned_are_aborted(subject):
    assert builder(subject, COLLUDING).plan(Candidate(M)).min_clients == COLLUDING.survivors == 5


def test_weights_and_metrics_travel_where_they_can(subject):
    made = builder(subject, READABLE, metrics=(Metric("loss", 9.0),))
    assert made.plan(Candidate(E)).weight is Placement.ENCRYPTED
    assert made.plan(Candidate(E)).metrics == ()
    assert made.plan(Candidate(M)).metrics == (Metric("loss", 9.0),)
    assert made.plan(Candidate(M, noise=0.1)).metrics == ()
    assert made.plan(Candidate(C, D, "sensitivity", 0.1)).weight is Placement.CLEAR
