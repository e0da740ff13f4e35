"""Smooth stand-ins for ReLU and max-pooling, alone, in any network, and as a stage of matching."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from attacks import LBFGS, AttackError, GradientMatching, Stage
from attacks.smoothing import Smoothed, SmoothedObjective, smooth_relu, soft_pool
from tests.attacks.cases import CLIENT, generator
from tests.attacks.routing.nets import observed, picture, pooled

VALUES = torch.randn(2, 3, 9, 8, generator=generator(), dtype=torch.float64)


def test_sharp_functions_are_the_real_ones():
    torch.testing.assert_close(smooth_relu(VALUES, 1e6), F.relu(VALUES))
    torch.testing.assert_close(soft_pool(VALUES, 1e6, 2), F.max_pool2d(VALUES, 2))


@pytest.mark.parametrize(
    "settings",
    [
        {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": (2, 3)},
        {"kernel_size": 2, "stride": (1, 2), "dilation": 2},
    ],
    ids=str,
)
def test_windows_are_those_of_max_pooling(settings):
    torch.testing.assert_close(soft_pool(VALUES, 1e6, **settings), F.max_pool2d(VALUES, **settings))


def test_a_blunt_pool_is_the_mean_and_never_exceeds_the_maximum():
    torch.testing.assert_close(soft_pool(VALUES, 1e-9, 2), F.avg_pool2d(VALUES, 2))
    assert (soft_pool(VALUES, 5.0, 2) <= F.max_pool2d(VALUES, 2)).all()


def test_layers_and_functions_of_a_network_are_smooth_while_it_lasts():
    network = nn.Sequential(nn.ReLU(), nn.MaxPool2d(2))
    with Smoothed(3.0):
        smooth = network(VALUES)
    torch.testing.assert_close(smooth, soft_pool(smooth_relu(VALUES, 3.0), 3.0, 2))
    torch.testing.assert_close(network(VALUES), F.max_pool2d(F.relu(VALUES), 2))


def test_second_derivatives_of_smooth_functions_are_right():
    def once(values):
        return soft_pool(smooth_relu(values, 3.0), 3.0, 2)

    inputs = VALUES[:1, :1, :4, :4].clone().requires_grad_()
    assert torch.autograd.gradgradcheck(once, inputs)


def test_a_smooth_objective_is_another_one():
    def objective(points, progress=1.0):
        return F.relu(points).sum(1), points

    points = torch.tensor([[-1.0, 1.0]])
    values, _ = SmoothedObjective(objective, 1.0)(points)
    torch.testing.assert_close(values, smooth_relu(points, 1.0).sum(1))
    assert not torch.equal(values, objective(points)[0])


def test_a_stage_searches_the_smooth_network():
    model, image = pooled(), picture()
    observation = observed(model, image)
    real = Stage(LBFGS(iterations=5))

    def found(*stages):
        attack = GradientMatching(stages=stages, restarts=1)
        return attack.reconstruct(observation, model, client=CLIENT, rng=generator()).images

    assert not np.array_equal(found(Stage(LBFGS(iterations=5), sharpness=3.0), real), found(real, real))


def test_what_is_found_is_judged_with_the_real_network():
    with pytest.raises(AttackError, match="real network"):
        GradientMatching(stages=(Stage(LBFGS(), sharpness=3.0),))


def test_a_stage_needs_a_positive_sharpness():
    with pytest.raises(AttackError, match="sharpness"):
        Stage(LBFGS(), sharpness=0.0)
