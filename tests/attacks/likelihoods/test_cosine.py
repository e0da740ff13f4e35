"""The cosine of what is predicted and what was read."""

import pytest
import torch
from torch.nn import functional as F

from attacks import AttackError
from attacks.gradients import Dense, Gradient, Target, Targets
from attacks.likelihoods import Cosine
from tests.attacks.likelihoods.cases import SIZES, masks, predicted, readable_pairs, targets, targets_of


def scaled(gradient, factor):
    return Gradient({name: Dense(factor * block.dense()) for name, block in gradient.blocks.items()})


def test_it_is_one_minus_the_cosine_over_what_was_read():
    gradient, read = predicted(3).gradient(), targets()
    found, values = readable_pairs(gradient, read)
    expected = 0.7 * (1 - F.cosine_similarity(found, values[None]))
    torch.testing.assert_close(Cosine(0.7).negative_log(gradient, read), expected)


def test_by_layer_it_is_the_mean_over_the_parameters_that_were_read():
    gradient, read = predicted(3).gradient(), targets()
    by_layer = []
    for name in ("bias", "weight"):
        target = read.blocks[name]
        mask = target.weights[0] > 0
        cosine = F.cosine_similarity(gradient.blocks[name].dense()[:, mask], target.values[:, mask])
        by_layer.append(1 - cosine)
    found = Cosine(per_layer=True).negative_log(gradient, read)
    torch.testing.assert_close(found, (by_layer[0] + by_layer[1]) / 2)


@pytest.mark.parametrize("per_layer", [False, True])
def test_it_forgets_the_length_and_knows_the_sign(per_layer):
    gradient, read = predicted(3).gradient(), targets()
    cosine = Cosine(per_layer=per_layer)
    value = cosine.negative_log(gradient, read)
    torch.testing.assert_close(value, cosine.negative_log(scaled(gradient, 100.0), read))
    torch.testing.assert_close(2 - value, cosine.negative_log(scaled(gradient, -1.0), read))


@pytest.mark.parametrize("per_layer", [False, True])
def test_readings_without_direction_say_nothing(per_layer):
    zeros = {name: torch.zeros(1, n, dtype=torch.float64) for name, n in SIZES.items()}
    parts = predicted(2)
    parts.bias.requires_grad_()
    value = Cosine(per_layer=per_layer).negative_log(parts.gradient(), targets_of(zeros, masks()))
    (slope,) = torch.autograd.grad(value.sum(), parts.bias)
    assert not value.any()
    assert not slope.any()


def test_a_prediction_without_direction_has_a_finite_slope():
    points = torch.zeros(1, 4, requires_grad=True)
    ones = torch.ones(1, 4)
    read = Targets({"a": Target(ones, ones)}, torch.zeros(1), torch.ones(1), 1)
    value = Cosine().negative_log(Gradient({"a": Dense(points)}), read)
    value.backward()
    assert value == 1
    assert torch.isfinite(points.grad).all()


@pytest.mark.parametrize("kappa", [0.0, -1.0, float("nan")])
def test_its_weight_must_be_positive(kappa):
    with pytest.raises(AttackError, match="kappa"):
        Cosine(kappa)
