"""Evidence is what was read: no more when the view is mask-aware, zeros besides when it is mask-naive."""

import numpy as np
import pytest
import torch

from attacks import NotApplicableError, readable, zero_filled
from gradveil.exchange import GaussianNoise, observe
from tests.attacks.cases import CLIENT, images_of, knowledge_of, seen, sum_reading, update_of

HIDDEN = [0, 5, 100]


@pytest.fixture(scope="module")
def group(tiny):
    """Updates of three clients, two examples each."""
    names = ("ann", "bob", "cid")
    return {name: update_of(tiny, images_of(tiny, 2, seed), [seed, 3]) for seed, name in enumerate(names)}


def everything_hidden(model, update):
    return seen(model, update, hidden=np.arange(model.layout.size))


def test_readable_holds_the_values_that_were_not_hidden(tiny, tiny_update):
    evidence = readable(seen(tiny, tiny_update, HIDDEN), CLIENT, tiny)
    kept = np.setdiff1d(np.arange(tiny.layout.size), HIDDEN)
    assert torch.nonzero(evidence.mask).flatten().tolist() == kept.tolist()
    assert evidence.values[evidence.mask].numpy().tobytes() == tiny_update.vector[kept].tobytes()


def test_what_was_not_read_is_zero(tiny, tiny_update):
    evidence = readable(seen(tiny, tiny_update, HIDDEN), CLIENT, tiny)
    assert tiny_update.vector[HIDDEN].all()
    assert not evidence.values[HIDDEN].any()


def test_the_weight_is_no_parameter(tiny, tiny_observation):
    evidence = readable(tiny_observation, CLIENT, tiny)
    assert evidence.values.shape == evidence.mask.shape == (tiny.layout.size,)


@pytest.mark.parametrize("view", [readable, zero_filled])
def test_a_readable_weight_alone_is_nothing_to_attack(tiny, tiny_update, view):
    with pytest.raises(NotApplicableError, match="no coordinate"):
        view(everything_hidden(tiny, tiny_update), CLIENT, tiny)


@pytest.mark.parametrize("view", [readable, zero_filled])
def test_a_client_nobody_heard_of_is_nothing_to_attack(tiny, tiny_observation, view):
    with pytest.raises(NotApplicableError):
        view(tiny_observation, "eve", tiny)


def test_zero_filled_agrees_where_something_was_read_and_is_zero_elsewhere(tiny, tiny_update):
    evidence = zero_filled(seen(tiny, tiny_update, HIDDEN), CLIENT, tiny)
    expected = tiny_update.vector.copy()
    expected[HIDDEN] = 0
    assert evidence.mask.all()
    assert evidence.values.numpy().tobytes() == expected.tobytes()


def test_there_is_no_naive_view_without_a_mask(tiny, tiny_observation):
    with pytest.raises(NotApplicableError, match="nothing is encrypted"):
        zero_filled(tiny_observation, CLIENT, tiny)


def test_the_mean_square_is_over_what_the_view_takes_for_read(tiny, tiny_update):
    observation = seen(tiny, tiny_update, HIDDEN)
    kept = np.delete(tiny_update.vector.astype(np.float64), HIDDEN)
    aware, naive = readable(observation, CLIENT, tiny), zero_filled(observation, CLIENT, tiny)
    assert aware.mean_square == pytest.approx(np.mean(kept**2))
    assert naive.mean_square == pytest.approx(np.sum(kept**2) / tiny.layout.size)


def test_a_sum_is_evidence_of_all_its_clients_examples(tiny, group):
    observation = observe(tiny.layout, [], [sum_reading(group)], knowledge_of(tiny, batch_size=2))
    evidence = readable(observation, "bob", tiny)
    assert (evidence.clients, evidence.examples) == (("ann", "bob", "cid"), 6)
    total = sum(update.contribution()[:-1].astype(np.float64) for update in group.values())
    np.testing.assert_allclose(evidence.values, total, atol=1e-6)


def test_the_smallest_group_around_the_client_is_used(tiny, group):
    pair = {name: group[name] for name in ("ann", "bob")}
    readings = [sum_reading(group), sum_reading(pair)]
    observation = observe(tiny.layout, [], readings, knowledge_of(tiny, batch_size=2))
    assert readable(observation, "ann", tiny).clients == ("ann", "bob")
    assert readable(observation, "cid", tiny).clients == ("ann", "bob", "cid")


def test_two_readings_of_one_group_are_put_together(tiny, group):
    halves = np.array_split(np.arange(tiny.layout.size), 2)
    readings = [sum_reading(group, half) for half in halves]
    observation = observe(tiny.layout, [], readings, knowledge_of(tiny, batch_size=2))
    assert readable(observation, "ann", tiny).mask.all()


def test_two_groups_of_equal_size_are_not_taken_for_one(tiny, group):
    pairs = [{name: group[name] for name in names} for names in (("ann", "bob"), ("ann", "cid"))]
    halves = np.array_split(np.arange(tiny.layout.size), 2)
    readings = [sum_reading(pair, half) for pair, half in zip(pairs, halves, strict=True)]
    observation = observe(tiny.layout, [], readings, knowledge_of(tiny, batch_size=2))
    assert not readable(observation, "ann", tiny).mask.all()


def test_known_noise_comes_along(tiny, tiny_update):
    noisy = seen(tiny, tiny_update, noise=GaussianNoise(0.25))
    assert readable(noisy, CLIENT, tiny).noise_std == 0.25
    assert readable(seen(tiny, tiny_update), CLIENT, tiny).noise_std == 0.0
