"""Who solves for the secret together with the images sees them; who ignores it does not."""

from dataclasses import replace

import pytest
import torch

from attacks import LBFGS, Box, GradientMatching, Stage
from gradveil.metrics import psnr
from tests.attacks.cases import CLIENT, generator, seen
from tests.attacks.nuisances.clients import KINDS, SHAPE, client

LABEL = 2
ATTACK = GradientMatching(prior=Box(), stages=(Stage(LBFGS()),), restarts=4)


def reconstruction(one, nuisances, images):
    """PSNR of what is found of one image with these nuisances in the attack."""
    model = one.model()
    observation = seen(model, one.update(images, torch.tensor([LABEL])), labels={CLIENT: (LABEL,)})
    found = replace(ATTACK, nuisances=nuisances).reconstruct(
        observation, model, client=CLIENT, rng=generator(1)
    )
    return psnr(found.images, images.numpy())[0]


@pytest.mark.parametrize("kind", KINDS)
def test_solving_for_the_secret_undoes_the_defense(kind):
    one = client(kind)
    images = torch.rand(1, *SHAPE, generator=generator(77))
    aware, ignorant = (reconstruction(one, nuisances, images) for nuisances in ((one.nuisance,), ()))
    assert aware > 30
    assert aware > ignorant + 20
