import numpy as np
import pytest
import torch

from attacks import Attack, Found, Guess, preset
from gradveil.audit.plan import cases
from gradveil.audit.round import run_round
from gradveil.audit.runner import Runner
from gradveil.audit.trial import trial
from gradveil.defenses import Identity, SecureAggregation
from gradveil.exchange import Knowledge, weighted_mean
from tests.audit.targets import CNN, LENET


@pytest.fixture
def runner(tiny):
    return Runner(tiny, "cpu")


@pytest.fixture
def cohort(runner):
    return runner.targets.cohort(LENET, 0)


def _trial(runner, cohort, defense, attack):
    knowledge = Knowledge("weights", "cross-entropy", 10, (1, 28, 28), batch_size=1)
    return trial(
        lambda: run_round(defense, cohort.updates, np.random.default_rng(0)),
        attack,
        runner.targets.model(LENET),
        cohort,
        knowledge,
        torch.Generator().manual_seed(0),
    )


class _Broken(Attack):
    name = "broken"
    citation = "none"

    def run(self, observation, model, client, rng):
        raise ZeroDivisionError("by\nzero")


class _Copycat(Attack):
    """Returns what it was told to; used to see that truth is compared with the right images."""

    name = "copycat"
    citation = "none"

    def __init__(self, found: Found) -> None:
        self.found = found

    def run(self, observation, model, client, rng):
        return self.found


def test_a_failed_attack_is_an_outcome_with_a_one_line_reason(runner, cohort):
    outcome = _trial(runner, cohort, Identity(), _Broken())
    assert outcome.status == "failed"
    assert outcome.error == "ZeroDivisionError: by zero"
    assert outcome.score is None
    assert outcome.cost is not None


def test_an_attack_without_anything_to_work_on_is_inapplicable(runner, cohort):
    outcome = _trial(runner, cohort, Identity(), preset("mask_naive"))
    assert outcome.status == "inapplicable"
    assert outcome.cost.bytes_up > 4 * runner.targets.model(LENET).layout.size


def test_the_truth_scores_as_exact_in_any_order(runner, cohort):
    clients = tuple(cohort.images)
    images = cohort.images_of(clients)[::-1].copy()
    labels = cohort.labels_of(clients)[::-1]
    outcome = _trial(runner, cohort, SecureAggregation(), _Copycat(Found(images, labels, clients, 0.0)))
    assert outcome.score.psnr == 140
    assert outcome.score.rank100 == 1
    assert outcome.score.label_accuracy == 1
    assert np.array_equal(*outcome.pictures)


def test_a_guess_is_scored_against_the_victim_alone(runner, cohort):
    outcome = _trial(runner, cohort, Identity(), Guess())
    assert outcome.pictures[0].shape == (1, 1, 28, 28)
    assert np.array_equal(outcome.pictures[0], cohort.images["client-0"])
    assert outcome.score.label_accuracy is None


def test_bytes_are_lengths_of_what_travelled(cohort):
    done = run_round(SecureAggregation(), cohort.updates, np.random.default_rng(0))
    clients = len(cohort.updates)
    sent = sum(upload.nbytes for upload in done.uploads)
    sent += sum(len(message.payload) for message in done.transcript if message.sender != "server")
    assert done.cost.bytes_up == round(sent / clients)
    assert done.cost.bytes_down >= done.download.nbytes


def test_the_aggregate_error_is_the_relative_distance_from_the_true_mean(cohort):
    done = run_round(Identity(), cohort.updates, np.random.default_rng(0))
    assert weighted_mean(list(cohort.updates.values())).weight == 4
    assert done.cost.aggregate_error == pytest.approx(0, abs=1e-7)


def test_the_same_case_gives_the_same_record_times_aside(tiny):
    case = [case for case in cases(tiny) if case.attack == "closed_form"][2]
    first, _ = Runner(tiny, "cpu").run(case)
    again, _ = Runner(tiny, "cpu").run(case)
    assert first.without_times() == again.without_times()
    assert first.defense == "selective_ckks"


def test_every_model_and_defense_of_a_victim_sees_the_same_images(runner):
    one, other = runner.targets.cohort(LENET, 0), runner.targets.cohort(CNN, 0)
    assert all(np.array_equal(one.images[name], other.images[name]) for name in one.images)
    different = runner.targets.cohort(LENET, 1)
    assert not np.array_equal(one.images["client-0"], different.images["client-0"])
