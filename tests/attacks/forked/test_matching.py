"""Search with the gradient at the fork as an unknown, where no layer can be undone."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from attacks import LBFGS, NotApplicableError, Stage
from attacks.forked import ForkMatching
from attacks.forked.matching import fork_of
from attacks.model import Model
from gradveil.metrics import assign, psnr
from tests.attacks.cases import images_of, reconstruct, seen
from tests.attacks.forked.cases import CLASSES, SHAPE, chain, polarized_update

ATTACK = ForkMatching()
ATTACK = replace(ATTACK, matching=replace(ATTACK.matching, stages=(Stage(LBFGS(iterations=250)),)))


def decibels(attack, model, labels, weight):
    images = images_of(model, len(labels))
    observation = seen(model, polarized_update(model, images, labels, weight))
    found = reconstruct(attack, observation, model).images
    return psnr(found[assign(found, images.numpy())], images.numpy()).mean()


def test_the_weight_of_the_cross_entropy_is_accounted_for():
    model = chain()
    images = images_of(model)
    observation = seen(model, polarized_update(model, images, [2], public_weight=0.2))
    told, untold = (
        reconstruct(replace(ATTACK, public_weight=weight), observation, model) for weight in (0.2, 1.0)
    )
    assert psnr(told.images, images.numpy())[0] > psnr(untold.images, images.numpy())[0] + 8


def relu_head():
    """A rectifier, then a fully connected layer, then the fork: its outputs leave inputs open."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        layers = (nn.Flatten(), nn.Linear(64, 40), nn.ReLU(), nn.Linear(40, CLASSES))
        return Model(nn.Sequential(*layers), SHAPE, CLASSES)


@pytest.mark.parametrize(("build", "labels"), [(relu_head, [2]), (chain, [2])], ids=["relu", "sigmoid"])
def test_images_are_found_behind_any_network(build, labels):
    model = build()
    aware = decibels(ATTACK, model, labels, 1.0)
    assert aware > 20
    assert aware > decibels(ATTACK.matching, model, labels, 1.0) + 8


@pytest.mark.parametrize(("build", "fork"), [(chain, "4"), (relu_head, "2")])
def test_the_fork_is_what_the_public_head_sees(build, fork):
    assert fork_of(build()) == fork


def test_a_head_that_no_layer_feeds_is_refused():
    class Flat(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.out = nn.Conv2d(1, 2, 3), nn.Linear(72, CLASSES)

        def forward(self, images):
            return self.out(self.conv(images).flatten(1))

    with pytest.raises(NotApplicableError, match="a layer of its own"):
        fork_of(Model(Flat(), SHAPE, CLASSES))
