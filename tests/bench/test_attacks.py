"""A tiny run measures everything that a full one does, and all implementations do the same work."""

from dataclasses import replace
from math import log2

import numpy as np
import pytest
import torch
from torch.func import functional_call, grad
from torch.nn import functional as F

from attacks import AttackError
from gradveil.bench import attacks, attacks_runs, installed
from gradveil.bench.attacks import run_attacks
from gradveil.bench.attacks_networks import CLASSES, NETWORKS, parameters
from gradveil.bench.attacks_ours import Batched, Matching, descended
from gradveil.bench.attacks_plain import DeepLeakage, Distance, PlainLoop, PlainSteps, starts
from gradveil.bench.attacks_plan import ATTACK_UNITS, AttackMetric, AttackPlan, Setting
from gradveil.bench.attacks_results import AttackSamples
from gradveil.bench.attacks_victim import Victim
from gradveil.bench.installed import MissingPeerError
from gradveil.bench.results import OURS
from gradveil.metrics import psnr

RESTARTS = 2
SETTING = Setting.of("LeNet", RESTARTS, shape=(1, 12, 12))
PLAN = AttackPlan(
    (SETTING,), (SETTING,), (), victims=2, budget=0.05, repetitions=3, seconds=0.01, peers=False, most_steps=3
)
PLAIN = (PlainLoop(image_only=True), PlainLoop(image_only=False))


@pytest.fixture(scope="module")
def victim():
    return Victim.of(SETTING)


@pytest.fixture(scope="module")
def steps():
    return []


@pytest.fixture(scope="module")
def medians(steps):
    samples = AttackSamples()
    run_attacks(PLAN, samples, lambda done, total: steps.append((done, total)))
    return samples.medians()


def names(medians, metric):
    assert all(cell.unit == ATTACK_UNITS[cell.metric] and cell.place == SETTING for cell in medians)
    return {cell.name for cell in medians if cell.metric is metric}


def test_each_implementation_is_timed(medians):
    assert names(medians, AttackMetric.RESTART_STEP) == {each.name for each in (Batched(), *PLAIN)}
    times = [value for cell, value in medians.items() if cell.metric is AttackMetric.RESTART_STEP]
    assert all(value > 0 for value in times)


def test_each_attack_is_scored(medians):
    assert names(medians, AttackMetric.PSNR_AT_BUDGET) == {Matching.name, DeepLeakage.name}


def test_progress_counts_to_the_end(medians, steps):
    assert steps == [(done, steps[-1][1]) for done in range(len(steps))]
    assert steps[-1][0] == steps[-1][1]


def test_a_missing_peer_is_said_before_anything_is_measured(monkeypatch):
    monkeypatch.setattr(installed, "find_spec", lambda name: None)
    samples = AttackSamples()
    with pytest.raises(MissingPeerError, match="gradveil\\[peers\\]"):
        run_attacks(replace(PLAN, peers=True), samples)
    assert samples.medians() == {}


@pytest.mark.parametrize("image_only", [True, False])
def test_the_plain_loop_descends_the_squared_distance_of_gradients(victim, image_only):
    def gradients(image):
        def loss(weights):
            return F.cross_entropy(functional_call(victim.network, weights, (image,)), victim.label)

        weights = {name: tensor.detach() for name, tensor in victim.network.named_parameters()}
        return grad(loss)(weights).values()

    def distance(image):
        pairs = zip(gradients(image), victim.gradients, strict=True)
        return sum((mine - theirs).square().sum() for mine, theirs in pairs)

    (image,) = starts(victim, 1)
    value = Distance(victim, image, image_only=image_only)()
    torch.testing.assert_close(value, distance(image.detach()))
    torch.testing.assert_close(image.grad, grad(distance)(image.detach()))
    victim.network.zero_grad()


@pytest.mark.parametrize("image_only", [True, False])
def test_the_batch_walks_the_path_of_the_plain_loop(victim, image_only):
    images = starts(victim, 1)
    walk, path = PlainSteps(victim, images, image_only=image_only), []
    for _ in range(7):
        distance = float(Distance(victim, images[0], image_only=True)())
        path.append((distance, images[0].detach().clone()))
        assert walk.seconds(1) > 0
    _, best = min(path, key=lambda each: each[0])
    found = descended(victim, restarts=1, steps=6).images
    np.testing.assert_allclose(found, best.clamp(0, 1).numpy(), atol=1e-3)
    assert (best - path[0][1]).abs().mean() > 0.05


@pytest.mark.parametrize("adversary", [Matching(), DeepLeakage()], ids=lambda each: each.name)
def test_more_iterations_come_closer_and_repeat_themselves(victim, adversary):
    few, many, again = (adversary.reconstruct(victim, RESTARTS, count) for count in (1, 40, 40))
    truth = victim.image.numpy()
    assert many.shape == truth.shape
    assert 0 <= many.min() <= many.max() <= 1
    assert psnr(many, truth)[0] > psnr(few, truth)[0] + 1
    np.testing.assert_array_equal(many, again)


class Fake:
    """An implementation whose time we choose; `calls` tells who was asked for how many steps."""

    package = OURS

    def __init__(self, name, calls, seconds_a_step=0.004, failure=None):
        self.name, self._calls, self._seconds, self._failure = name, calls, seconds_a_step, failure

    def start(self, victim, restarts):
        if self._failure is not None:
            raise self._failure
        return self

    def seconds(self, steps):
        self._calls.append((self.name, steps))
        return steps * RESTARTS * self._seconds


def race(monkeypatch, *racers):
    monkeypatch.setattr(attacks, "_racers", lambda plan: list(racers))
    samples = AttackSamples()
    run_attacks(replace(PLAN, runs=(), seconds=0.1, most_steps=50), samples)
    return samples


def test_implementations_take_turns_as_long_as_each_needs(monkeypatch):
    calls = []
    samples = race(monkeypatch, Fake("fast", calls), Fake("slow", calls, 0.2), Fake("instant", calls, 1e-9))
    assert calls[: -3 * PLAN.repetitions] == [
        *[("fast", steps) for steps in (1, 2, 4, 8, 16)],
        ("slow", 1),
        *[("instant", steps) for steps in (1, 2, 4, 8, 16, 32, 50)],
    ]
    assert calls[-3 * PLAN.repetitions :] == [("fast", 16), ("slow", 1), ("instant", 50)] * PLAN.repetitions
    found = {cell.name: value for cell, value in samples.medians().items()}
    assert found == pytest.approx({"fast": 4.0, "slow": 200.0, "instant": 1e-6})


def test_what_the_device_cannot_hold_is_said(monkeypatch):
    calls = []
    samples = race(monkeypatch, Fake("large", [], failure=torch.OutOfMemoryError()), Fake("small", calls))
    assert {cell.name for cell in samples.medians()} == {"small"}
    assert samples.left_out() == {f"large {SETTING}": "it needs more device memory"}


class Reader:
    """An attack that halves the error with each iteration."""

    name, package = "reader", OURS

    def __init__(self, failure=None):
        self.asked, self._failure = [], failure

    def reconstruct(self, victim, restarts, iterations):
        self.asked.append(iterations)
        if self._failure is not None:
            raise self._failure
        return victim.image.numpy() + np.float32(2.0**-iterations)


def tried(monkeypatch, reader, budget):
    def took(work, device):
        result = work()
        return 0.1 * reader.asked[-1], result

    monkeypatch.setattr(attacks_runs, "timed", took)
    monkeypatch.setattr(attacks, "_adversaries", lambda plan: [reader])
    samples = AttackSamples()
    run_attacks(replace(PLAN, steps=(), budget=budget), samples)
    return {cell.metric: value for cell, value in samples.medians().items()}, samples.left_out()


def test_runs_double_until_the_budget_is_full(monkeypatch):
    reader = Reader()
    found, _ = tried(monkeypatch, reader, budget=1.1)
    assert reader.asked == [1, 2, 4, 8, 11] * PLAN.victims
    assert found[AttackMetric.SECONDS_TO_30DB] == pytest.approx(0.8)  # 4 iterations give 24 dB, 8 give 48
    assert found[AttackMetric.PSNR_AT_BUDGET] == pytest.approx(20 * 11 / log2(10), abs=0.1)


def test_what_is_never_read_has_no_seconds(monkeypatch):
    found, left_out = tried(monkeypatch, Reader(), budget=0.45)
    assert found.keys() == {AttackMetric.PSNR_AT_BUDGET}
    assert list(left_out) == [f"reader {SETTING}"]


def test_a_search_that_diverges_counts_as_the_guess(monkeypatch, victim):
    found, _ = tried(monkeypatch, Reader(failure=AttackError("diverged")), budget=0.1)
    truths = [Victim.of(SETTING, number=number).image.numpy() for number in range(PLAN.victims)]
    guesses = [psnr(np.full_like(truth, 0.5), truth)[0] for truth in truths]
    assert found == {AttackMetric.PSNR_AT_BUDGET: pytest.approx(np.median(guesses))}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_classify_their_images(name):
    shape = NETWORKS[name].shape
    network = NETWORKS[name].build(shape, CLASSES).eval()
    assert network(torch.rand(1, *shape)).shape == (1, CLASSES)
    assert parameters(name, shape) == sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(("name", "count"), [("FedAvg CNN", 1_663_370), ("ConvNet-64", 2_904_970)])
def test_networks_are_as_large_as_published(name, count):
    assert parameters(name, NETWORKS[name].shape) == count


def test_pictures_in_colour_are_scaled_to_gray_ones_and_back(tmp_path):
    rng = np.random.default_rng(0)
    pixels, labels = rng.integers(0, 256, (3, 20, 20, 3), dtype=np.uint8), np.asarray([11, 3, 12])
    np.savez(tmp_path / "few.npz", images=pixels, labels=labels)
    data = f"npz:{tmp_path / 'few.npz'}"
    gray, colour = (Victim.of(Setting.of("LeNet", 1, shape=(depth, 20, 20)), data) for depth in (1, 3))
    assert int(gray.label) == 3  # the only one among ten classes
    torch.testing.assert_close(colour.image.mean(1, keepdim=True), gray.image)
    torch.testing.assert_close(colour.image[0], torch.from_numpy(pixels[1]).permute(2, 0, 1) / 255)


def test_victims_are_the_same_each_time(victim):
    again, other = Victim.of(SETTING), Victim.of(SETTING, number=1)
    for first, second in zip((victim.image, *victim.gradients), (again.image, *again.gradients), strict=True):
        assert torch.equal(first, second)
    assert not torch.equal(victim.image, other.image)
    assert 0 <= victim.image.min() < victim.image.max() <= 1
