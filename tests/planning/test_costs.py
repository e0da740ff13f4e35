from dataclasses import replace

import pytest

from gradveil.planning import Candidate, PlanningError, Protection, Threat, uploading
from gradveil.planning.costs import estimate, predicted
from gradveil.planning.rates import measured_rates
from gradveil.planning.uploading import measured
from secagg import Adversary
from tests.planning.conftest import READABLE, builder

E, M, C, D = Protection.ENCRYPTED, Protection.MASKED, Protection.CLEAR, Protection.DROPPED
PAIRS = [(M, None), (E, None), (M, E), (C, E), (D, E), (C, M), (M, D), (C, D)]


@pytest.fixture(scope="module")
def rates(subject):
    made = builder(subject, READABLE)
    return measured_rates(made.plan(Candidate(M)), made.plan(Candidate(E)))


def built(subject, rest, slice_, threat=READABLE):
    return Candidate(rest, slice_, "sensitivity" if slice_ else "", 0.3 if slice_ else 0.0), builder(
        subject, threat
    )


@pytest.mark.parametrize(("rest", "slice_"), PAIRS)
def test_predicted_bytes_are_those_that_a_client_sends(subject, rates, rest, slice_):
    candidate, made = built(subject, rest, slice_)
    plan = made.plan(candidate)
    sent = measured(plan, subject.before, subject.trained[0]).bytes
    # lengths of lengths differ
    assert abs(predicted(plan, rates).bytes - sent) <= 8
    # framing is not estimated
    assert 0 <= sent - estimate(candidate, made, rates).bytes <= 400


def test_a_noisy_plan_sends_what_is_predicted(subject, rates):
    candidate, made = Candidate(M, noise=0.3), builder(subject, READABLE)
    plan = made.plan(candidate)
    sent = measured(plan, subject.before, subject.trained[0])
    assert abs(predicted(plan, rates).bytes - sent.bytes) <= 8
    assert 0 <= sent.bytes - estimate(candidate, made, rates).bytes <= 400


def test_shrunk_statistics_change_no_prediction(normed):
    plan = builder(normed, READABLE).plan(Candidate(M))
    assert plan.masking.shrunk
    sent = measured(plan, normed.before, normed.trained[0]).bytes
    assert abs(predicted(plan, measured_rates(plan, None)).bytes - sent) <= 8


def test_signatures_of_the_malicious_version_are_counted(subject):
    threat = Threat(clients=6, dropout=0.17, corrupt=0.0, max_weight=50, server=Adversary.MALICIOUS)
    plan = builder(subject, threat).plan(Candidate(M))
    rates = measured_rates(plan, None)
    sent = measured(plan, subject.before, subject.trained[0]).bytes
    assert abs(predicted(plan, rates).bytes - sent) <= 8


@pytest.mark.parametrize(("rest", "slice_"), [(M, None), (E, None), (M, E), (C, E)])
def test_one_client_of_a_large_round_sends_what_all_would(subject, monkeypatch, rest, slice_):
    candidate, made = built(subject, rest, slice_)
    plan = made.plan(candidate)
    whole = measured(plan, subject.before, subject.trained[0])
    monkeypatch.setattr(uploading, "_WHOLE", 0)
    alone = measured(plan, subject.before, subject.trained[0])
    assert abs(alone.bytes - whole.bytes) <= 8
    assert alone.seconds > 0
    assert whole.seconds > 0


def test_a_protocol_without_rates_is_not_free(subject, rates):
    candidate, made = built(subject, M, E)
    with pytest.raises(PlanningError, match="protocol"):
        estimate(candidate, made, replace(rates, encryption=None))
