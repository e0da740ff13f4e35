"""Steps in place of gradients, and vectors orthogonal to them."""

import pytest
import torch

from attacks.errors import NotApplicableError
from attacks.gradients import Dense, Gradient
from attacks.likelihoods import FirstStep, Gaussian, Orthogonal
from tests.attacks.likelihoods.cases import (
    SIZES,
    Predicted,
    masks,
    of_victim,
    predicted,
    targets,
    targets_of,
    written_out,
)

SCALE, SOFTENING = 1e-3, 3e-7
WHOLE = {name: torch.ones(1, size, dtype=torch.bool) for name, size in SIZES.items()}


def steps_of(gradient, examples=2):
    """What clients of so many examples would send for the gradients of their sums, in float32."""
    mean = {name: block.dense() / examples for name, block in gradient.blocks.items()}
    sent = {name: (SCALE * one / (one.abs() + SOFTENING)).float() for name, one in mean.items()}
    return {name: one.double() * examples for name, one in sent.items()}


@pytest.mark.parametrize(("size", "error"), [(1e-6, 1e-6), (1e-3, 2e-3), (1e-2, 0.05)])
def test_steps_are_solved_for_gradients_to_the_precision_in_which_they_were_sent(size, error):
    parts = predicted(1)
    blocks = parts.gradient().blocks
    gradient = Gradient({name: Dense(block.dense() * size) for name, block in blocks.items()})
    read = targets_of(steps_of(gradient), WHOLE)
    solved = FirstStep(SCALE, SOFTENING).solved(read)
    for name, block in gradient.blocks.items():
        torch.testing.assert_close(solved.blocks[name].values, block.dense(), rtol=10 * error, atol=0)
    best = FirstStep(SCALE, SOFTENING).negative_log(gradient, read)
    assert float(best) < 10 < float(FirstStep(SCALE, SOFTENING).negative_log(parts.gradient(), read))


def test_what_is_near_the_scale_counts_less():
    sizes = torch.tensor([[1e-5, 1e-3, 1e-1, 1e1, 1e3, 1e5]], dtype=torch.float64)
    values = {name: torch.zeros(1, size, dtype=torch.float64) for name, size in SIZES.items()}
    values["bias"] = steps_of(Gradient({"bias": Dense(sizes)}))["bias"]
    weights = FirstStep(SCALE, SOFTENING, 1e-6).solved(targets_of(values, WHOLE)).blocks["bias"].weights[0]
    assert (weights.diff() <= 0).all()
    assert weights[0] > 0.99
    assert weights[-1] < 1e-3


def test_its_squares_are_those_of_its_value():
    likelihood, gradient, read = FirstStep(5.0, 0.5), written_out(predicted(3).gradient()), targets()
    weighted, precision = likelihood.squares(read)
    expected = precision / 2 * gradient.square_error(weighted)
    torch.testing.assert_close(likelihood.negative_log(gradient, read), expected)
    torch.testing.assert_close(Gaussian().negative_log(gradient, likelihood.solved(read)), expected)


def turned(gradient):
    """Readings orthogonal to each tensor's gradient, and as long."""
    values = {}
    for name, block in gradient.blocks.items():
        one, other = block.dense(), torch.flip(block.dense(), (1,))
        left = other - (other * one).sum() / one.square().sum() * one
        values[name] = left / left.norm() * one.norm()
    return values


def test_a_gradient_that_fits_is_likeliest_and_so_is_its_negative():
    gradient = written_out(predicted(1).gradient())
    read = targets_of(turned(gradient), WHOLE)
    for factor, expected in [(1.0, 0.0), (-1.0, 0.0), (1.1, 3 * 0.01 / (2 * 0.1**2))]:
        scaled = Gradient({name: Dense(block.dense() * factor) for name, block in gradient.blocks.items()})
        assert float(Orthogonal(0.1).negative_log(scaled, read)) == pytest.approx(expected, abs=1e-9)
    along = Gradient({name: Dense(one.values) for name, one in read.blocks.items()})
    assert float(Orthogonal(0.1).negative_log(along, read)) == pytest.approx(3 / (2 * 0.1**2))


def test_orthogonality_can_be_climbed_and_victims_are_as_alone():
    whole = {name: one.expand(2, -1) for name, one in WHOLE.items()}
    parts, read = [part.requires_grad_() for part in predicted(4).parts], targets(2, read=whole)
    assert torch.autograd.gradcheck(
        lambda *parts: Orthogonal(0.5).negative_log(Predicted(*parts).gradient(), read), parts
    )
    together = Orthogonal().negative_log(predicted(4).gradient(), read)
    for victim in range(2):
        rows = slice(2 * victim, 2 * victim + 2)
        alone = Orthogonal().negative_log(predicted(4).of_rows(rows).gradient(), of_victim(read, victim))
        torch.testing.assert_close(together[rows], alone)


def test_tensors_read_in_part_say_nothing():
    with pytest.raises(NotApplicableError, match="no tensor is read as a whole"):
        Orthogonal().negative_log(predicted(1).gradient(), targets(read=masks()))
