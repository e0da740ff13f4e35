"""Likelihoods of deterministic mechanisms: clipping, grids, the largest coordinates."""

import numpy as np
import pytest
import torch

from attacks.errors import AttackError
from attacks.gradients import Dense, Gradient
from attacks.likelihoods import (
    Clipped,
    FirstStep,
    Gaussian,
    Gridded,
    Laplace,
    LargestRead,
    Signs,
    grid_deviation,
)
from tests.attacks.likelihoods.cases import (
    Predicted,
    masks,
    of_victim,
    predicted,
    readable_pairs,
    targets,
    targets_of,
    written_out,
)


def scaled(gradient, factor):
    return Gradient({name: Dense(block.dense() * factor) for name, block in gradient.blocks.items()})


@pytest.mark.parametrize(("order", "noise"), [(1, Laplace(0.5)), (2, Gaussian(0.5))])
def test_predictions_are_clipped_as_the_client_clips(order, noise):
    gradient, read = written_out(predicted(1).gradient()), targets(noise_std=0.3)
    norm = float(torch.linalg.vector_norm(gradient.dense(), order)) / read.examples
    half = Clipped(norm / 2, order, noise).negative_log(gradient, read)
    torch.testing.assert_close(half, noise.negative_log(scaled(gradient, 0.5), read))
    whole = Clipped(2 * norm, order, noise).negative_log(gradient, read)
    torch.testing.assert_close(whole, noise.negative_log(gradient, read))


def test_beyond_the_bound_size_does_not_matter():
    gradient, read = written_out(predicted(2).gradient()), targets(noise_std=0.3)
    small = Clipped(0.01).negative_log(gradient, read)
    torch.testing.assert_close(small, Clipped(0.01).negative_log(scaled(gradient, 7.0), read))


@pytest.mark.parametrize("stochastic", [False, True])
def test_the_deviation_of_a_grid_is_that_of_its_rounding(stochastic):
    rng = np.random.default_rng(0)
    values = rng.uniform(-1, 1, 200_000)
    levels = values * 7
    rounded = np.floor(levels + (rng.random(values.size) if stochastic else 0.5)) / 7
    assert grid_deviation(4, stochastic) == pytest.approx((rounded - values).std(), rel=0.01)


def test_signs_are_likelier_the_further_predictions_are_on_their_side():
    gradient, read = written_out(predicted(1).gradient()), targets()
    right = {name: Dense(target.values.clone()) for name, target in read.blocks.items()}
    values = [Signs(0.1).negative_log(scaled(Gradient(right), k), read) for k in (-1.0, 0.0, 1.0, 2.0)]
    assert values == sorted(values, reverse=True)
    seen = sum(int((target.weights > 0).sum()) for target in read.blocks.values())
    torch.testing.assert_close(float(values[1]), seen * np.log(2.0))
    assert Signs(0.1).negative_log(gradient, read) > values[2]


def test_signs_can_be_climbed_and_victims_are_as_alone():
    read = targets(2)
    parts = [part.requires_grad_() for part in predicted(4).parts]
    assert torch.autograd.gradcheck(
        lambda *parts: Signs(0.5).negative_log(Predicted(*parts).gradient(), read), parts
    )
    together = Signs().negative_log(predicted(4).gradient(), read)
    for victim in range(2):
        rows = slice(2 * victim, 2 * victim + 2)
        alone = Signs().negative_log(predicted(4).of_rows(rows).gradient(), of_victim(read, victim))
        torch.testing.assert_close(together[rows], alone)


def test_every_tensor_of_a_grid_has_its_own_deviation():
    gradient, read = written_out(predicted(1).gradient()), targets(noise_std=0.2)
    expected = 0.0
    for name, deviation in (("bias", 0.1), ("weight", 0.1)):
        target = read.blocks[name]
        error = ((gradient.blocks[name].dense() - target.values).square() * target.weights).sum()
        expected += error / (2 * ((deviation * target.values.abs().max()) ** 2 + 0.2**2))
    found = Gridded(0.1).negative_log(gradient, read)
    torch.testing.assert_close(found, expected[None], rtol=1e-5, atol=0.0)


def test_biases_of_a_grid_may_differ():
    gradient, read = written_out(predicted(1).gradient()), targets()
    assert Gridded(0.1, 0.1).negative_log(gradient, read) == Gridded(0.1).negative_log(gradient, read)


def test_what_was_dropped_is_bounded_by_what_was_kept():
    gradient, read = written_out(predicted(1).gradient()), targets(noise_std=0.3)
    _, readings = readable_pairs(gradient, read)
    bound = readings.abs().min() + 0.3 * np.sqrt(2 * np.log(len(readings)))
    dropped = torch.cat([gradient.blocks[name].dense()[~mask] for name, mask in masks().items()])
    excess = (dropped.abs() - bound).clamp_min(0).square().sum() / (2 * 0.3**2)
    found = LargestRead().negative_log(gradient, read) - Gaussian().negative_log(gradient, read)
    assert float(excess) > 0
    torch.testing.assert_close(found, excess[None])


def test_below_the_bound_what_was_dropped_does_not_matter():
    gradient, read = written_out(predicted(1).gradient()), targets(noise_std=0.3)
    bound = float(readable_pairs(gradient, read)[1].abs().min())
    small = {
        name: Dense(torch.where(masks()[name], block.dense(), block.dense().clamp(-bound, bound)))
        for name, block in gradient.blocks.items()
    }
    found = LargestRead().negative_log(Gradient(small), read)
    torch.testing.assert_close(found, Gaussian().negative_log(Gradient(small), read))


def bounded(likelihood, gradient, read):
    """What dropped coordinates add to the negative log."""
    return float(likelihood.negative_log(gradient, read) - likelihood.read.negative_log(gradient, read))


def test_the_bound_of_clipped_readings_is_one_of_clipped_predictions():
    gradient, read = written_out(predicted(1).gradient()), targets(noise_std=0.1)
    norm = float(torch.linalg.vector_norm(gradient.dense())) / read.examples
    found = bounded(LargestRead(Clipped(norm / 7)), gradient, read)
    assert found == pytest.approx(bounded(LargestRead(), scaled(gradient, 1 / 7), read), rel=1e-9)
    assert found < bounded(LargestRead(), gradient, read)


def test_the_bound_of_steps_is_one_of_the_gradients_they_were_made_of():
    gradient, read = written_out(predicted(1).gradient()), targets()
    scale, softening = 1e-3, 1e-2
    mean = {name: block.dense() / read.examples for name, block in gradient.blocks.items()}
    steps = {name: scale * one / (one.abs() + softening) for name, one in mean.items()}
    kept = torch.cat([one.abs() for one in steps.values()], 1).median()
    largest = {name: one.abs() >= kept for name, one in steps.items()}
    sent = targets_of({name: read.examples * one * largest[name] for name, one in steps.items()}, largest)
    likelihood = LargestRead(FirstStep(scale, softening))
    assert bounded(likelihood, gradient, sent) == 0
    beyond = {name: Dense(torch.where(largest[name], b.dense(), 5.0)) for name, b in gradient.blocks.items()}
    assert bounded(likelihood, Gradient(beyond), sent) > 1


@pytest.mark.parametrize("size", [0.0, -1.0])
def test_sizes_are_positive(size):
    with pytest.raises(AttackError):
        Clipped(size)
    with pytest.raises(AttackError):
        Gridded(size)
    with pytest.raises(AttackError):
        Signs(size)
