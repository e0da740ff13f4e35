"""Rounds under a plan with noise: everybody counts once, norms are clipped, and the sum carries it all."""

from dataclasses import replace

import numpy as np
import pytest

from gradveil.exchange import Layout
from gradveil.fl import Client, LocalJob, Trained
from gradveil.plan import Noise, Plan, from_bytes
from secagg.noise import DiscreteGaussianNoise
from secagg.phases import Phase
from tests.fl.jobs import CLIENTS, masking, model

LAYOUT = Layout(("w",), ((4000,),))
HONEST, CLIP, SIGMA, BITS = 6, 2.0, 0.4, 14


def noisy(sigma=SIGMA):
    size = {"length": LAYOUT.size, "clip_norm": CLIP, "survivors_min": HONEST, "delta": 1e-5}
    ring = DiscreteGaussianNoise.for_(len(CLIENTS), BITS, sigma=SIGMA, **size).encoding
    usual = masking()
    chosen = {"clip": CLIP, "modulus_bits": ring.modulus_bits, "bits": BITS, "rounding": "stochastic"}
    return Plan.of(
        LAYOUT,
        clients=len(CLIENTS),
        max_weight=20,
        masking=replace(usual, **chosen, noise=Noise(sigma, HONEST)),
        min_clients=HONEST,
    )


class Moving:
    """Each client moves the model in a direction of its own, and has examples in a number of its own."""

    def __init__(self, norm=1.0):
        steps = np.random.default_rng(4).normal(0, 1, (len(CLIENTS), LAYOUT.size))
        unit = steps / np.linalg.norm(steps, axis=1, keepdims=True)
        self.steps = dict(zip(CLIENTS, (norm * unit).astype(np.float32), strict=True))

    def __call__(self, name, given):
        return Trained(1 + CLIENTS.index(name), {}, given, given + self.steps[name])


def off(record, training, scale=1.0):
    """What was added to the sum of the steps of those who are in it."""
    clients = record.outcome.clients
    assert record.outcome.weight == len(clients)
    return record.outcome.total[: LAYOUT.size] - scale * sum(
        np.float64(training.steps[name]) for name in clients
    )


@pytest.mark.parametrize("vanished", [0, 2])
def test_the_sum_carries_as_much_noise_as_was_promised_whoever_vanishes(vanished):
    training = Moving()
    record = LocalJob(noisy(), CLIENTS, model(LAYOUT)).run(training, absent={Phase.MASK: CLIENTS[:vanished]})
    expected = SIGMA * np.sqrt((len(CLIENTS) - vanished) / HONEST)
    assert off(record, training).std() == pytest.approx(expected, rel=0.05)
    assert abs(off(record, training).mean()) < 4 * expected / np.sqrt(LAYOUT.size)


def test_a_longer_update_is_scaled_down_to_the_clip():
    training = Moving(norm=100.0)
    record = LocalJob(noisy(), CLIENTS, model(LAYOUT)).run(training)
    expected = SIGMA * np.sqrt(len(CLIENTS) / HONEST)
    assert off(record, training, CLIP / 100).std() == pytest.approx(expected, rel=0.05)


def test_two_rounds_have_noise_of_their_own():
    training, job = Moving(), LocalJob(noisy(), CLIENTS, model(LAYOUT))
    first, second = (off(job.run(training), training) for _ in range(2))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.1


def test_a_client_says_that_its_update_was_clipped():
    job, given = LocalJob(noisy(), CLIENTS, model(LAYOUT)), model(LAYOUT)
    client = Client(noisy(), job.parties[CLIENTS[0]])
    assert client.clipped(Moving()(CLIENTS[0], given)) == 0
    assert client.clipped(Moving(norm=3.0)(CLIENTS[0], given)) == LAYOUT.size


def test_parties_with_other_noise_go_by_another_plan():
    assert noisy().hash != noisy(2 * SIGMA).hash
    assert from_bytes(noisy().to_bytes()).noise == Noise(SIGMA, HONEST)


def test_rounds_add_up_to_what_the_library_accounts_for():
    pytest.importorskip("dp_accounting")
    plan = noisy()
    one, ten = plan.claim(1), plan.claim(10)
    expected = DiscreteGaussianNoise(plan.encoding, LAYOUT.size, CLIP, SIGMA, HONEST, 1e-5, 10).claim
    assert ten == expected
    assert one.epsilon < ten.epsilon
    assert one.norm_bound == pytest.approx(CLIP, rel=0.1)
