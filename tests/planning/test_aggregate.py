import numpy as np
import pytest

from gradveil.fl import LocalJob, Trained
from gradveil.planning import Candidate, Protection, Threat, Training
from gradveil.planning.aggregate import aggregate_error, least_error
from tests.planning.conftest import READABLE, builder

E, M, C, D = Protection.ENCRYPTED, Protection.MASKED, Protection.CLEAR, Protection.DROPPED


def opened(plan, subject):
    """The model's change in a round in which the sample's clients take part, with full weight."""
    names = [f"c{number}" for number in range(len(subject.trained))]
    after = dict(zip(names, subject.trained, strict=True))
    job = LocalJob(plan, names, subject.before)
    job.run(lambda name, model: Trained(plan.max_weight, {}, model, after[name]))
    return job.opened_model().astype(np.float64) - subject.before


def real_error(plan, subject):
    off = (opened(plan, subject) - subject.mean)[subject.parameters]
    return float(np.linalg.norm(off)) / subject.mean_norm


@pytest.mark.parametrize("error", [0.1, 0.01, 1e-4])
@pytest.mark.parametrize(("rest", "slice_"), [(M, None), (E, None), (C, E), (C, M)])
def test_the_error_is_that_of_a_real_round(subject, rest, slice_, error):
    threat = READABLE.__class__(clients=4, dropout=0, corrupt=0, max_weight=37, readable=True)
    plan = builder(subject, threat, error).plan(Candidate(rest, slice_, "sensitivity", 0.4))
    found = aggregate_error(plan, subject)
    # a model is float32 itself
    assert found == pytest.approx(real_error(plan, subject), rel=0.05, abs=2e-6)


@pytest.mark.parametrize("noise", [0.1, 1.0])
def test_noise_is_as_large_as_the_candidate_says(subject, noise):
    threat = Threat(clients=4, dropout=0, corrupt=0, max_weight=37)
    plan = builder(subject, threat).plan(Candidate(M, noise=noise))
    assert aggregate_error(plan, subject) <= 0.01
    assert real_error(plan, subject) == pytest.approx(noise, rel=0.05)


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_statistics_that_move_further_do_not_widen_the_ring(normed, noise):
    threat = Threat(clients=4, dropout=0, corrupt=0, max_weight=37)
    plan = builder(normed, threat).plan(Candidate(M, noise=noise))
    assert {one.tensor for one in plan.masking.shrunk} == {"1.running_mean", "1.running_var"}
    parameters = np.abs(normed.trained[0] - normed.before)[normed.parameters]
    assert plan.masking.clip < 16 * (np.linalg.norm(parameters) if noise else parameters.max())
    off = np.abs(opened(plan, normed) - normed.mean)[normed.buffers]
    assert off.max() <= max(noise, 0.01) * np.abs(normed.mean[normed.buffers]).max()


@pytest.mark.parametrize("error", [0.1, 0.01, 1e-4])
@pytest.mark.parametrize("kind", [M, E])
def test_grids_are_as_coarse_as_the_error_allows(subject, kind, error):
    plan = builder(subject, READABLE, error).plan(Candidate(kind))
    assert error / 20 < aggregate_error(plan, subject) <= error


def test_what_is_dropped_counts(subject):
    plan = builder(subject, READABLE).plan(Candidate(M, D, "sensitivity", 0.3))
    lost = subject.mean[plan.dropped.mask]
    expected = np.linalg.norm(lost) / subject.mean_norm
    assert aggregate_error(plan, subject) == pytest.approx(expected, rel=0.01)
    assert 0 < least_error(subject, 0.3) <= expected


def test_no_other_share_is_cheaper_to_drop(subject):
    rng, values = np.random.default_rng(0), np.abs(subject.mean[subject.parameters])
    some = rng.choice(values, round(0.2 * values.size), replace=False)
    assert least_error(subject, 0.2) <= np.linalg.norm(some) / subject.mean_norm
    assert least_error(subject, 0.0) == 0
    assert least_error(subject, 1.0) == pytest.approx(1)


def test_the_sample_trains_and_leaves_the_network_as_it_was(named):
    subject = named.subject(Training(steps=2))
    before = {name: value.clone() for name, value in subject.network.state_dict().items()}
    assert len({after.tobytes() for after in subject.trained}) == len(subject.trained)
    assert all(bool((before[name] == value).all()) for name, value in subject.network.state_dict().items())
