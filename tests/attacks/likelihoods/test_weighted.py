"""Weights of parameters."""

import gc
import weakref

import pytest
import torch

from attacks import AttackError, NotApplicableError
from attacks.gradients import Dense, Gradient
from attacks.likelihoods import Gaussian, Laplace, LayerWeighted
from tests.attacks.likelihoods.cases import SIZES, predicted, targets

NOISE = 0.5
LIKELIHOOD = Gaussian()


def misfit(gradient, read, name):
    """What one parameter adds to the Gaussian likelihood."""
    target = read.blocks[name]
    errors = target.weights * (gradient.blocks[name].dense() - target.values)
    return errors.square().sum(1) / (2 * NOISE**2)


def test_named_factors_multiply_what_each_parameter_adds():
    gradient, read = predicted(3).gradient(), targets(noise_std=NOISE)
    found = LayerWeighted(LIKELIHOOD, {"bias": 3.0, "weight": 0.25}).negative_log(gradient, read)
    expected = 3 * misfit(gradient, read, "bias") + 0.25 * misfit(gradient, read, "weight")
    torch.testing.assert_close(found, expected)


def test_parameters_that_are_not_named_do_not_count():
    gradient, read = predicted(3).gradient(), targets(noise_std=NOISE)
    found = LayerWeighted(LIKELIHOOD, {"bias": 1.0}).negative_log(gradient, read)
    torch.testing.assert_close(found, misfit(gradient, read, "bias"))


def test_by_energy_all_parameters_weigh_alike_and_their_total_stays():
    read, rows = targets(noise_std=NOISE), predicted(1)
    nothing = Gradient({name: Dense(torch.zeros(1, n, dtype=torch.float64)) for name, n in SIZES.items()})
    weighted = LayerWeighted(LIKELIHOOD)
    total = LIKELIHOOD.negative_log(nothing, read)
    torch.testing.assert_close(weighted.negative_log(nothing, read), total)
    energies = [target.energy for target in weighted.reweighted(read).blocks.values() if not target.hidden]
    torch.testing.assert_close(energies[0], energies[1])
    assert not torch.isclose(read.blocks["bias"].energy, read.blocks["weight"].energy)
    assert (
        weighted.negative_log(rows.gradient(), read) != LIKELIHOOD.negative_log(rows.gradient(), read)
    ).all()


def test_a_tempered_sum_of_squares_is_one():
    gradient, read = predicted(3).gradient(), targets(noise_std=NOISE)
    weighted = LayerWeighted(LIKELIHOOD)
    reweighted, precision = weighted.squares(read)
    expected = 0.5 * precision * gradient.square_error(reweighted)
    torch.testing.assert_close(weighted.negative_log(gradient, read), expected)


def test_what_is_no_sum_of_squares_does_not_become_one():
    with pytest.raises(NotApplicableError, match="no sum of squares"):
        LayerWeighted(Laplace()).squares(targets())


def test_weights_are_made_once_for_all_steps():
    weighted, read = LayerWeighted(LIKELIHOOD), targets()
    assert weighted.reweighted(read) is weighted.reweighted(read)
    assert weighted.reweighted(read) is not weighted.reweighted(targets(seed=9))


def test_weights_go_when_their_targets_go():
    weighted, read = LayerWeighted(LIKELIHOOD), targets()
    kept = weakref.ref(weighted.reweighted(read))
    del read
    gc.collect()
    assert kept() is None


def test_an_unknown_parameter_is_refused():
    with pytest.raises(AttackError, match="no parameter kernel; name some of bias, weight"):
        LayerWeighted(LIKELIHOOD, {"kernel": 1.0}).negative_log(predicted(1).gradient(), targets())


@pytest.mark.parametrize("factor", [-1.0, float("nan")])
def test_a_negative_factor_is_refused(factor):
    with pytest.raises(AttackError, match="factor of bias"):
        LayerWeighted(LIKELIHOOD, {"bias": factor})
