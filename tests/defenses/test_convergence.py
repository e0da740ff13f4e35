"""Training behind every defense before the wire still learns digits, at the accuracy cost stated."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from attacks import Model
from gradveil.data import load
from gradveil.defenses import (
    ATS,
    AdaDefense,
    Censor,
    ClippedNoise,
    ConcealedSamples,
    InstaHide,
    Mechanism,
    MixUp,
    Outpost,
    PrivateGradient,
    RandomPruning,
    Sign,
    Soteria,
    Stages,
    TopK,
    Uniform,
    Work,
    chain,
    identity,
)
from gradveil.exchange import Update
from gradveil.models import build

ROUNDS, BATCH, TEST = 150, 32, 1000


@dataclass(frozen=True)
class Case:
    """A defense, how much accuracy it may cost, and the learning rate and number of rounds that suit it."""

    defense: Mechanism
    cost: float
    rate: float = 0.2
    rounds: int = ROUNDS


CASES = {
    "top-k": Case(TopK(0.1), 0.08),
    "random pruning": Case(RandomPruning(0.5), 0.08, rate=0.4),
    "sign": Case(Sign(), 0.10),
    "4 bits": Case(Uniform(4), 0.08, rate=0.1),
    "clipped": Case(ClippedNoise(1.0, 0.005), 0.10),
    "dp-sgd": Case(PrivateGradient(2.0, 0.3, lot=BATCH), 0.12),
    "soteria": Case(Soteria(0.8), 0.10),
    "mixup": Case(MixUp(), 0.08),
    "ats": Case(ATS("36-1-31+34-6"), 0.08),
    "instahide": Case(InstaHide(2, centre=0.13), 0.08, rounds=1500),
    "stand-in": Case(AdaDefense(), 0.08, rate=5.0),
    "concealed": Case(ConcealedSamples(3), 0.10),
    "outpost": Case(Outpost(), 0.20),
    "outpost, later": Case(Outpost(iteration=50), 0.08),
    "soteria, top-k, 6 bits": Case(chain(Soteria(0.5), TopK(0.3), Uniform(6)), 0.12),
}


@pytest.fixture(scope="module")
def digits():
    """All images (N, 1, 28, 28) and labels, in a random order."""
    data = load("mnist5k")
    order = np.random.default_rng(0).permutation(len(data.images))
    return torch.from_numpy(data.images[order]), torch.from_numpy(data.labels[order]).long()


def accuracy(digits, defense, rate, rounds=ROUNDS):
    """Of the held-out images after one client's rounds."""
    images, labels = digits
    network = build("cnn", (1, 28, 28), 10, seed=0)
    stages, rng = Stages.of(defense), np.random.default_rng(0)
    layout = Model(network, (1, 28, 28), 10).layout
    for _ in range(rounds):
        rows = torch.from_numpy(TEST + rng.integers(len(images) - TEST, size=BATCH))
        one_hot = torch.nn.functional.one_hot(labels[rows], 10).float()
        fed, shares = stages.feed(images[rows], one_hot, torch.Generator().manual_seed(int(rows[0])))
        loss = torch.nn.functional.cross_entropy(network(fed), shares)
        mean = torch.cat([one.flatten() for one in torch.autograd.grad(loss, list(network.parameters()))])
        sent = stages.apply(Update(layout, mean.numpy(), BATCH), Work(network, fed, shares), rng)
        step = torch.from_numpy(rate * sent.vector)
        with torch.no_grad():
            for one, part in zip(network.parameters(), layout.slices.values(), strict=True):
                one -= step[part].reshape(one.shape)
    return float((network(images[:TEST]).argmax(1) == labels[:TEST]).double().mean())


@pytest.fixture(scope="module")
def undefended(digits):
    """What the same rounds reach without a defense."""
    return accuracy(digits, identity, 0.2)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_training_still_converges(digits, undefended, case):
    assert undefended > 0.85
    assert accuracy(digits, case.defense, case.rate, case.rounds) > undefended - case.cost


@pytest.mark.slow
def test_steps_orthogonal_to_the_gradient_teach_nothing(digits):
    """What CENSOR sends is no descent; its authors send plain gradients after ten epochs."""
    assert accuracy(digits, Censor(5), 0.2) < 0.3
