"""Proposals of images, and images of a kind to learn from."""

import torch

from attacks.priors import Proposal
from tests.attacks.cases import generator


def images(rows=2, examples=2, channels=1, side=5, seed=0):
    """Values from -1 to 2, none nearer than 0.01 to a bound of the box, where its curvature jumps."""
    shape = (rows, examples, channels, side, side)
    values = 3 * torch.rand(shape, generator=generator(seed), dtype=torch.float64) - 1
    near = (values.abs() < 0.01) | ((values - 1).abs() < 0.01)
    return values + 0.02 * near


def layers(rows=2, examples=2, seed=5):
    """Inputs of a convolution's and of a linear layer's batch normalisation."""
    rng = generator(seed)
    shapes = ((rows, examples, 3, 4, 4), (rows, examples, 6))
    return tuple(torch.randn(shape, generator=rng, dtype=torch.float64) for shape in shapes)


def value_of(prior, *tensors, victims=1):
    """The prior's value (R,) at images and inputs of normalisation layers."""
    return prior.negative_log(Proposal(tensors[0], tuple(tensors[1:]), victims))


def textures(count, channels=1, side=5, seed=11):
    """Smooth random images (count, channels, side, side) with correlated neighbours."""
    noise = torch.randn(count, channels, side + 2, side + 2, generator=generator(seed), dtype=torch.float64)
    return torch.nn.functional.avg_pool2d(noise, 3, stride=1)
