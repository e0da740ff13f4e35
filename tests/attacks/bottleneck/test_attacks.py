"""Images behind a bottleneck, by recursion, with the noise read, and with the noise solved for."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from attacks import LBFGS, AttackError, NotApplicableError, Stage
from attacks.bottleneck import BottleneckMatching, BottleneckRecursion
from attacks.presets import mask_aware
from gradveil.defenses.model import Precode
from gradveil.exchange import LayoutMismatchError, Observation
from gradveil.metrics import psnr, score
from tests.attacks.bottleneck.clients import dense, model, observed, update_of
from tests.attacks.cases import CLIENT, coords_of, images_of, knowledge_of, mlp, reconstruct, seen

WEIGHT = 0.01
MATCHING = replace(mask_aware(), stages=(Stage(LBFGS(200)),), restarts=2)
ATTACKS = {
    "recursion": BottleneckRecursion(divergence=WEIGHT),
    "read": BottleneckMatching(MATCHING, divergence=WEIGHT),
    "solved": BottleneckMatching(MATCHING, divergence=WEIGHT, reads=False),
}
LEAST = {"recursion": 90.0, "read": 30.0, "solved": 15.0}

every_attack = pytest.mark.parametrize("name", ATTACKS)


@pytest.fixture(scope="module")
def home():
    """Model, image and observation."""
    public = model()
    images = images_of(public)
    return public, images, observed(public, images, [2])


@every_attack
def test_it_finds_image_and_label_and_repeats_itself(name, home):
    public, images, observation = home
    state, read = torch.get_rng_state(), observation.readings[0].values.copy()
    first, second = (reconstruct(ATTACKS[name], observation, public) for _ in range(2))
    assert psnr(first.images, images.numpy())[0] > LEAST[name]
    assert first.labels == (2,)
    assert first.images.tobytes() == second.images.tobytes()
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(observation.readings[0].values, read)


def test_who_does_not_know_of_the_noise_finds_nothing(home):
    public, images, observation = home
    assert psnr(reconstruct(MATCHING, observation, public).images, images.numpy())[0] < 12


def test_the_recursion_explains_all_readings_by_its_image(home):
    public, _, observation = home
    assert reconstruct(ATTACKS["recursion"], observation, public).objective < 1e-8
    told = replace(ATTACKS["recursion"], divergence=1.0)
    assert reconstruct(told, observation, public).objective > 1e-3


def test_several_examples_are_solved_for_with_their_noise():
    public = model()
    images = images_of(public, 2)
    found = reconstruct(ATTACKS["read"], observed(public, images, [0, 2]), public)
    result = score(found.images, found.labels, images.numpy(), (0, 2), None)
    assert result.label_accuracy == 1
    assert result.psnr > 12


def test_a_bottleneck_before_another_layer_is_found_by_name():
    defense = Precode(5, divergence=WEIGHT, layer="3")
    public = dense(defense)
    observation = observed(public, images := images_of(public), [2], defense=defense)
    attack = replace(ATTACKS["recursion"], encoder="3.bottleneck.encoder")
    found = reconstruct(attack, observation, public)
    assert psnr(found.images, images.numpy())[0] > 90


def test_rectifiers_that_leave_pixels_open_are_refused():
    public = model(nn.ReLU, channels=1)
    hidden = coords_of(public, "0.weight", "0.bias")
    with pytest.raises(NotApplicableError, match="values open; use bottleneck_matching"):
        reconstruct(ATTACKS["recursion"], observed(public, images_of(public), [2], hidden), public)


@every_attack
def test_nothing_readable_and_another_model_are_refused(name, home):
    public, _, observation = home
    empty = Observation(public.layout, (), (), (), knowledge_of(public))
    with pytest.raises(NotApplicableError):
        reconstruct(ATTACKS[name], empty, public)
    with pytest.raises(LayoutMismatchError):
        reconstruct(ATTACKS[name], observation, mlp())


@every_attack
def test_random_readings_say_no_more_than_a_guess(name, home):
    public, images, _ = home
    update = update_of(public, images, [2])
    noise = np.random.default_rng(0).normal(0, np.abs(update.vector).mean(), update.vector.size)
    observation = seen(public, replace(update, vector=noise.astype(np.float32)))
    try:
        found = ATTACKS[name].reconstruct(observation, public, client=CLIENT, rng=torch.Generator())
    except AttackError:
        return
    assert psnr(found.images, images.numpy())[0] < 12
