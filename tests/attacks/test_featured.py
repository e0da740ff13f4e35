"""Reading the first linear layer's input finds what plain matching does not, at any step of training."""

from dataclasses import replace

import numpy as np
import pytest

from attacks import LBFGS, AttackError, Stage, preset
from attacks.featured import FeatureMatching
from attacks.presets import mask_aware
from gradveil.exchange import GaussianNoise
from gradveil.metrics import psnr
from tests.attacks.cases import coords_of, images_of, network, reconstruct, seen, update_of

CNN = network("cnn", (1, 8, 8))
BRIEF = replace(mask_aware(), stages=(Stage(LBFGS(iterations=20)),), restarts=1)
FIRST = CNN.linear_layers[0]


def observed(model=CNN, hidden=(), count=1, **granted):
    """An observation of noise images, and the images."""
    images = images_of(model, count)
    update = update_of(model, images, [3, 5][:count])
    return seen(model, update, hidden, **granted), images.numpy()


def test_an_image_is_exact_where_plain_matching_is_not():
    observation, images = observed()
    found = reconstruct(FeatureMatching(preset("mask_aware")), observation, CNN)
    plain = reconstruct(preset("mask_aware"), observation, CNN)
    assert psnr(found.images, images)[0] > 90 > 60 > psnr(plain.images, images)[0]
    assert found.labels == (3,)


@pytest.mark.parametrize("count", [1, 2])
def test_without_the_layer_or_of_several_examples_it_is_plain_matching(count):
    hidden = coords_of(CNN, f"{FIRST}.bias") if count == 1 else ()
    observation, _ = observed(hidden=hidden, count=count)
    found, plain = (reconstruct(attack, observation, CNN) for attack in (FeatureMatching(BRIEF), BRIEF))
    np.testing.assert_array_equal(found.images, plain.images)


def test_noise_leaves_plain_matching():
    observation, _ = observed(noise=GaussianNoise(0.1))
    found, plain = (reconstruct(attack, observation, CNN) for attack in (FeatureMatching(BRIEF), BRIEF))
    np.testing.assert_array_equal(found.images, plain.images)


def test_fewer_inputs_than_pixels_leave_plain_matching():
    model = network("lenet", (3, 8, 8))
    observation, _ = observed(model)
    found, plain = (reconstruct(attack, observation, model) for attack in (FeatureMatching(BRIEF), BRIEF))
    np.testing.assert_array_equal(found.images, plain.images)


def test_a_threshold_has_to_be_positive():
    with pytest.raises(AttackError, match="positive"):
        FeatureMatching(BRIEF, explained=0.0)
