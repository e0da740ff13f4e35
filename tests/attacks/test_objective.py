"""One loss over many starts gives the values and gradients of each start."""

import pytest
import torch

from attacks.objective import over_starts, ranked
from tests.attacks.cases import generator


def loss(image, label):
    return (image.sin() * label).sum() + image.square().prod(dim=-1).sum()


@pytest.mark.parametrize("starts", [1, 3])
def test_values_and_gradients_are_those_of_each_start(starts):
    shape = torch.Size((starts, 2, 4))
    points = torch.rand(starts, 8, generator=generator(), dtype=torch.float64)
    labels = torch.arange(1.0, starts + 1, dtype=torch.float64)
    values, gradients = over_starts(loss, shape, labels)(points)
    for i in range(starts):
        image = points[i].reshape(2, 4).clone().requires_grad_()
        alone = loss(image, labels[i])
        torch.testing.assert_close(values[i], alone.detach())
        torch.testing.assert_close(gradients[i], torch.autograd.grad(alone, image)[0].flatten())


@pytest.mark.parametrize("starts", [1, 3])
def test_results_carry_no_graph(starts):
    objective = over_starts(loss, torch.Size((starts, 2, 4)), torch.ones(starts))
    assert not any(result.requires_grad for result in objective(torch.ones(starts, 8)))


def test_starts_are_ranked_best_first_and_broken_ones_last():
    values = torch.tensor([3.0, float("nan"), 1.0, float("inf"), 2.0])
    assert ranked(values)[:3].tolist() == [2, 4, 0]
