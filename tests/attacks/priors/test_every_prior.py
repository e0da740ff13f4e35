"""What holds for every prior that looks at each row alone."""

from dataclasses import replace

import pytest
import torch

from attacks import AttackError
from attacks.priors import (
    BatchNormStatistics,
    BiasFreeDenoiser,
    Box,
    Denoiser,
    DenoiserSettings,
    GaussianImages,
    GaussianPatches,
    Moments,
    Product,
    SquaredVariation,
    TotalVariation,
)
from tests.attacks.cases import generator
from tests.attacks.priors.cases import images, layers, textures, value_of

MOMENTS = tuple(Moments.of(one) for one in layers(rows=1, seed=8))


def priors(channels):
    fitted = textures(60, channels)
    network = BiasFreeDenoiser(channels, DenoiserSettings(depth=3, width=4), generator()).double()
    return {
        "box": Box(weight=0.7),
        "wide box": Box(low=-0.5, high=1.5),
        "anisotropic": TotalVariation(0.3, softening=0.1),
        "isotropic": TotalVariation(0.3, softening=0.1, isotropic=True),
        "squared": SquaredVariation(0.3),
        "product": Product((Box(), SquaredVariation(0.3), TotalVariation(0.1))),
        "statistics": BatchNormStatistics(MOMENTS, 0.4),
        "gaussian images": GaussianImages.fitted(fitted, 4, weight=0.5),
        "gaussian patches": GaussianPatches.fitted(fitted, 3, 3, generator(), weight=0.5),
        "denoiser": Denoiser(network, 0.6, "exact"),
    }


cases = pytest.mark.parametrize(
    ("prior", "channels"),
    [pytest.param(p, c, id=f"{name}, {c}") for c in (1, 3) for name, p in priors(c).items()],
)


@cases
def test_gradients_agree_with_finite_differences(prior, channels):
    point = [one.requires_grad_() for one in (images(channels=channels), *layers())]
    assert torch.autograd.gradcheck(lambda *tensors: value_of(prior, *tensors), point)


@cases
def test_rows_in_a_batch_are_as_alone(prior, channels):
    tensors = (images(4, channels=channels), *layers(4))
    together = value_of(prior, *tensors, victims=2)
    assert together.shape == (4,)
    for row in range(4):
        alone = value_of(prior, *(one[[row]] for one in tensors))
        torch.testing.assert_close(together[[row]], alone)


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["anisotropic", "box", "statistics", "gaussian images", "denoiser"])
def test_weights_are_not_negative(name, weight):
    with pytest.raises(AttackError, match="weight"):
        replace(priors(1)[name], weight=weight)
