"""Reading an image through max-pooled ReLU layers finds what plain matching does not."""

import numpy as np
import pytest

from attacks import LBFGS, AttackError, GradientMatching, NotApplicableError, Stage, preset
from attacks.evidence import completed
from attacks.presets import routed_matching
from attacks.routed import RoutedMatching
from attacks.routing import Continuation
from gradveil.metrics import psnr
from tests.attacks.cases import CLIENT, generator, images_of, network, seen, update_of
from tests.attacks.routing.nets import observed, picture, pooled

BRIEF = RoutedMatching(
    GradientMatching(view=completed, stages=(Stage(LBFGS(iterations=3)),), double=True),
    Continuation(sharpness=(3.0,), search=LBFGS(iterations=3)),
    convolutions=(1.0,),
)


def found_by(attack, model, observation, seed=0):
    return attack.reconstruct(observation, model, client=CLIENT, rng=generator(seed))


@pytest.mark.parametrize("ratio", [0.0, 0.05])
def test_an_image_is_exact_where_plain_matching_ends_in_a_local_minimum(ratio):
    model, image = pooled(widths=(16, 32)), picture()
    observation = observed(model, image, ratio=ratio)
    plain = found_by(preset("rank_one_completion"), model, observation)
    routed = found_by(routed_matching(), model, observation)
    assert psnr(plain.images, image.numpy())[0] < 60
    assert psnr(routed.images, image.numpy())[0] > 100
    assert routed.labels == (2,)


def test_one_block_has_no_inputs_to_solve_for():
    model, image = pooled(seed=1, widths=(8,)), picture(seed=1)
    found = found_by(routed_matching(), model, observed(model, image))
    assert psnr(found.images, image.numpy())[0] > 100


def test_the_same_seed_finds_the_same_and_another_one_does_not():
    model, image = pooled(), picture()
    observation = observed(model, image)
    first, again, other = (found_by(BRIEF, model, observation, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.images, again.images)
    assert not np.array_equal(first.images, other.images)


@pytest.mark.parametrize("name", ["lenet", "resnet20"])
def test_other_networks_are_refused(name):
    model = network(name, (3, 16, 16))
    observation = seen(model, update_of(model, images_of(model), [2]))
    with pytest.raises(NotApplicableError, match="use gradient matching"):
        found_by(routed_matching(), model, observation)


def test_batches_are_refused():
    model = pooled()
    observation = seen(model, update_of(model, images_of(model, 2), [1, 2]))
    with pytest.raises(NotApplicableError, match="one example"):
        found_by(routed_matching(), model, observation)


def test_the_round_that_explains_the_readings_best_counts():
    model, image = pooled(), picture()
    observation = observed(model, image)
    rounds = RoutedMatching(BRIEF.matching, BRIEF.continuation, convolutions=(1.0, 0.03, 0.001))
    assert found_by(rounds, model, observation).objective <= found_by(BRIEF, model, observation).objective


@pytest.mark.parametrize(
    "settings",
    [{"convolutions": ()}, {"convolutions": (-1.0,)}, {"precision": 0.0}, {"explained": 0.0}],
    ids=str,
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(AttackError, match="give"):
        RoutedMatching(**settings)


def test_a_continuation_needs_positive_sharpness():
    with pytest.raises(AttackError, match="sharpness"):
        Continuation(sharpness=(1.0, 0.0))
