"""Products with the Gauss-Newton matrix against the matrix itself, and where that cannot be had."""

import pytest
import torch
from torch import nn
from torch.func import hessian
from torch.nn import functional as F

from attacks import Box, Gaussian, Model, Product, TotalVariation, affordable
from attacks.jacobian.curvature import gauss_newton
from attacks.jacobian.matrix_free import Products
from attacks.likelihoods import LayerWeighted
from attacks.priors import BatchNormStatistics, Moments
from tests.attacks.cases import generator, images_of
from tests.attacks.jacobian.test_gram import (
    CLASSES,
    SHAPE,
    case,
    convolutional,
    hidden_layer,
    model_of,
    normalised,
)

PRIOR = Product((Box(0.3, 0.7, weight=50.0), TotalVariation(0.1, softening=0.1)))


class Tied(nn.Module):
    """One weight, used twice: no layer has a rule for it."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(36, 36, dtype=torch.float64, generator=generator(4)) / 6)
        self.head = nn.Linear(36, CLASSES).double()

    def forward(self, images):
        first = torch.tanh(F.linear(images.flatten(1), self.weight))
        return self.head(torch.tanh(F.linear(first, self.weight)))


def vector(images, seed):
    return torch.randn(images.numel(), dtype=images.dtype, generator=generator(seed))


@pytest.mark.parametrize("likelihood", [Gaussian(0.1), LayerWeighted(Gaussian(0.1))])
@pytest.mark.parametrize("build", [convolutional, normalised, hidden_layer])
@pytest.mark.parametrize("examples", [1, 3])
def test_products_are_those_of_the_matrix(build, examples, likelihood):
    model = model_of(build)
    images, labels, targets = case(model, examples)
    matrix = gauss_newton(model, images, labels, targets, likelihood, PRIOR)
    product = Products(model, images, labels, targets, likelihood, PRIOR)
    for seed in range(3):
        expected = matrix @ vector(images, seed)
        assert (product(vector(images, seed)) - expected).norm() <= 1e-10 * expected.norm()


def test_products_need_no_rules_for_layers():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Model(Tied(), SHAPE, CLASSES)
    assert not affordable(model, 36)
    images, labels, targets = case(model, 2)
    weights = torch.cat([target.weights[0] for target in targets.blocks.values()])
    precision = 1 / Gaussian(0.1).variance(targets)

    def gradient(pixels):
        return model.run(pixels.reshape(1, *images.shape), labels[None]).gradient.dense()[0]

    jacobian = torch.autograd.functional.jacobian(gradient, images.flatten())
    expected = precision * (jacobian.T @ (weights * (jacobian @ vector(images, 0))))
    found = Products(model, images, labels, targets, Gaussian(0.1), Box(weight=0.0))(vector(images, 0))
    assert (found - expected).norm() <= 1e-10 * expected.norm()


def test_products_are_symmetric_and_not_negative():
    model = model_of(convolutional)
    product = Products(model, *case(model, 2), Gaussian(0.1), PRIOR)
    left, right = (vector(images_of(model, 2).double(), seed) for seed in (5, 6))
    torch.testing.assert_close(left @ product(right), right @ product(left), rtol=1e-10, atol=0)
    assert left @ product(left) > 0


def test_beliefs_about_layer_inputs_count_too():
    """The matrix written out knows pixels only."""
    model = model_of(normalised)
    images, labels, targets = case(model, 2)
    prior = BatchNormStatistics([Moments(torch.zeros(4).double(), torch.ones(4).double())], 3.0)

    def belief(pixels):
        passed = model.inputs_of("1", pixels.reshape(images.shape))
        moments = Moments.of(passed[None])
        return 3.0 * (moments.mean.norm() + (moments.variance - 1).norm())

    both = Products(model, images, labels, targets, Gaussian(0.1), prior)(vector(images, 1))
    alone = Products(model, images, labels, targets, Gaussian(0.1), Box(weight=0.0))(vector(images, 1))
    torch.testing.assert_close(both - alone, hessian(belief)(images.flatten()) @ vector(images, 1))
