"""Training behind defenses at all four points, and what must not depend on the defense."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gradveil.audit.utility import Federation, Training
from gradveil.data import load
from gradveil.defenses import Gaussian, MixUp, SecureAggregation, Sign, TopK, chain, identity
from gradveil.defenses.model.key_lock import KeyLock
from gradveil.models import build

SHORT = Training(rounds=3, clients=3, batch=4)


@pytest.fixture(scope="module")
def digits():
    return load("mnist5k")


def federation(digits, defense, network="cnn", training=SHORT):
    return Federation(defense, build(network, digits.input_shape, digits.classes, 0), digits, training)


def final(digits, defense, training=SHORT):
    return federation(digits, defense, training=training).train()[-1][1]


def test_it_learns_without_a_defense_and_not_through_noise_that_drowns_gradients(digits):
    training = Training(rounds=60, clients=3)
    assert final(digits, identity, training) > 0.8
    assert final(digits, Gaussian(100.0), training) < 0.4


@pytest.mark.parametrize(
    "defense",
    [chain(MixUp(), TopK(0.1)), Sign(), Gaussian(0.01)],
    ids=["batch and update", "update", "wire"],
)
def test_the_same_seed_gives_the_same_accuracy(digits, defense):
    assert federation(digits, defense).train() == federation(digits, defense).train()


def test_masked_sums_train_as_clear_ones(digits):
    assert abs(final(digits, identity) - final(digits, SecureAggregation(max_weight=4))) < 0.02


def test_looking_at_the_accuracy_on_the_way_changes_nothing(digits):
    for defense, network in ((MixUp(), "cnn"), (KeyLock(activation="sigmoid"), "lenet_bn")):
        seldom, often = (
            federation(digits, defense, network, replace(SHORT, every=every)).train() for every in (9, 1)
        )
        assert [done for done, _ in often] == [0, 1, 2, 3]
        assert seldom == (often[0], often[-1])


def test_locked_clients_are_judged_by_their_own_locks(digits):
    locked = federation(digits, KeyLock(activation="sigmoid"), "lenet_bn")
    assert set(locked.updates(0)) == {"client-0", "client-1", "client-2"}
    assert 0 <= locked.train()[-1][1] <= 1


def test_who_draws_which_image_does_not_depend_on_the_defense(digits):
    plain, lossy = federation(digits, identity).updates(0), federation(digits, TopK(0.1)).updates(0)
    for name, update in plain.items():
        kept = lossy[name].vector != 0
        assert 0 < kept.mean() <= 0.1001
        np.testing.assert_array_equal(lossy[name].vector[kept], update.vector[kept])


def test_other_rounds_and_seeds_draw_others(digits):
    one, other = federation(digits, identity), federation(digits, identity, training=replace(SHORT, seed=1))
    first = one.updates(0)["client-0"].vector
    assert not np.array_equal(first, one.updates(1)["client-0"].vector)
    assert not np.array_equal(first, other.updates(0)["client-0"].vector)


def test_the_network_given_is_left_as_it_is(digits):
    network = build("cnn", digits.input_shape, digits.classes, 0)
    before = [one.clone() for one in network.parameters()]
    Federation(identity, network, digits, SHORT).train()
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))


def test_nobody_trains_on_public_images(digits):
    one = federation(digits, identity)
    images, labels = one.public(8)
    assert images.shape == (8, 1, 28, 28)
    assert labels.shape == (8,)
    assert one.held_out == 1000
