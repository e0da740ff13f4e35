"""An attack says which of its parts know other images than the victim's."""

import pytest
import torch

from attacks import PRESETS, Box, GradientMatching, Guess, Informed, Portfolio, Product, Stage, preset
from attacks.canvas import principal_images
from attacks.priors import GaussianImages, GaussianPatches
from attacks.searches import LBFGS
from attacks.separation import SeparatedMatching
from tests.attacks.cases import generator

IMAGES = torch.rand(40, 1, 6, 6, generator=generator(2))
FITTED = Product((Box(), GaussianImages.fitted(IMAGES, 3)))
KNOWN = "images that a density was fitted to"


@pytest.mark.parametrize("name", PRESETS)
def test_presets_know_no_other_images(name):
    assert preset(name).auxiliary_data == "none"


@pytest.mark.parametrize(
    "attack",
    [
        GradientMatching(prior=FITTED),
        GradientMatching(stages=(Stage(LBFGS(), prior=FITTED), Stage(LBFGS(), prior=FITTED))),
        SeparatedMatching(GradientMatching(prior=FITTED)),
        SeparatedMatching(priors=(FITTED,)),
        Portfolio((Guess(), GradientMatching(prior=FITTED))),
        Informed(GradientMatching(), helpers={"fitted": GradientMatching(prior=FITTED)}),
    ],
    ids=["prior", "stages", "joint", "separate", "portfolio", "informed"],
)
def test_a_fitted_prior_shows_wherever_it_is(attack):
    assert attack.auxiliary_data == KNOWN


def test_several_parts_show_side_by_side():
    prior = Product((FITTED, GaussianPatches.fitted(IMAGES, 3, 2, generator())))
    attack = GradientMatching(prior=prior, canvas=principal_images(IMAGES, 3))
    assert attack.auxiliary_data.split(", ") == [
        KNOWN,
        "images whose patches a density was fitted to",
        "images that a generator was fitted to",
    ]
