"""Training behind every defense before the wire still learns digits, at the accuracy cost stated."""

from dataclasses import replace

import pytest

from gradveil.audit.utility import Federation, Training
from gradveil.data import load
from gradveil.defenses import PrivateGradient, identity
from gradveil.models import build
from tests.laws.clients import CASES

BATCH = 32
TRAINING = Training(rounds=150, clients=1, batch=BATCH, every=150)

COSTS = {
    "top-k": 0.08,
    "random pruning": 0.08,
    "sign": 0.08,
    "nearest": 0.08,
    "stochastic": 0.08,
    "mixed precision": 0.08,
    "clipped": 0.30,
    "clipped, laplace": 0.35,
    "dp-sgd": 0.30,
    "soteria": 0.08,
    "mixup": 0.08,
    "ats": 0.08,
    "instahide, mean": 0.08,
    "stand-in": 0.08,
    "concealed": 0.08,
    "outpost": 0.08,
    "outpost, without its odds": 0.08,
    "sparse ternary": 0.08,
    "soteria, top-k, 6 bits": 0.08,
    "mixup, clipped, pruned": 0.42,
}
"""Accuracy that a defense, as in the other laws, may take from 500 images that nobody trains on."""

ROUNDS = {"instahide, mean": 1500}
"""Of those that learn slowly."""

TEACH_NOTHING = {"censor", "instahide"}
"""What CENSOR sends is no descent; its authors send plain gradients after ten epochs. InstaHide around black
flips pixels to values that no image has, and the network learns these only."""


@pytest.fixture(scope="module")
def digits():
    return load("mnist5k")


def accuracy(digits, defense, rounds=TRAINING.rounds):
    """Of the held-out images, after one client's rounds."""
    network = build("cnn", digits.input_shape, digits.classes, seed=0)
    curve = Federation(defense, network, digits, replace(TRAINING, rounds=rounds, every=rounds)).train()
    return curve[-1][1]


@pytest.fixture(scope="module")
def undefended(digits):
    """What the same rounds reach without a defense."""
    return accuracy(digits, identity)


def test_every_defense_states_its_cost():
    assert COSTS.keys() | TEACH_NOTHING == CASES.keys()


@pytest.mark.slow
@pytest.mark.parametrize("name", COSTS)
def test_training_still_converges(digits, undefended, name):
    defense = CASES[name].defense
    if isinstance(defense, PrivateGradient):
        defense = replace(defense, lot=BATCH)
    assert undefended > 0.85
    assert accuracy(digits, defense, ROUNDS.get(name, TRAINING.rounds)) > undefended - COSTS[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TEACH_NOTHING))
def test_what_is_no_use_as_it_stands(digits, name):
    assert accuracy(digits, CASES[name].defense) < 0.3
