"""A small batch's gradient factorises under the true labels only."""

from dataclasses import replace

import pytest
import torch

from attacks.labels.embeddings import class_view
from attacks.labels.factors import exact_labels
from attacks.labels.marquardt import minimise
from tests.attacks.cases import generator
from tests.attacks.labels.cases import head_of, hide

CLASSES = 6


def confident_head(labels, seed=0):
    """A layer whose outputs depend strongly on the example, so that class counts are a poor guess."""
    embeddings = torch.rand(len(labels), 12, generator=generator(seed), dtype=torch.float64)
    return head_of(embeddings, labels, CLASSES, scale=1.5, seed=seed)


def found(head, estimate):
    return exact_labels(head, class_view(head), estimate)


@pytest.mark.parametrize("labels", [(1, 4), (0, 2, 5), (3, 3, 4)])
def test_a_wrong_estimate_is_corrected(labels):
    estimate = (0,) * len(labels)
    assert estimate != labels
    assert found(confident_head(list(labels)), estimate) == [labels]


def test_a_right_estimate_is_confirmed():
    assert found(confident_head([1, 2, 4]), (1, 2, 4)) == [(1, 2, 4)]


def test_values_that_are_no_gradient_are_not_explained():
    head = confident_head([1, 4])
    noise = torch.randn(head.weight.shape, generator=generator(1), dtype=torch.float64)
    assert found(replace(head, weight_sums=head.weight_sums + 0.1 * noise), (1, 4)) == []


def test_a_hidden_entry_noise_or_a_large_batch_are_left_alone():
    head = confident_head([1, 4])
    mask = torch.zeros_like(head.weight_seen)
    mask[0, 0] = True
    assert found(hide(head, mask), (1, 4)) == []
    assert found(replace(head, noise_std=1e-3), (1, 4)) == []
    labels = [0, 1, 2, 3, 4, 5]
    assert found(confident_head(labels), tuple(labels)) == []


def test_many_least_squares_problems_are_solved_at_once():
    targets = torch.tensor([[1.0, 2.0], [-3.0, 0.5]], dtype=torch.float64)
    points, squares = minimise(
        lambda point, target: torch.cat([point.exp() - target.exp(), point - target]),
        torch.zeros_like(targets),
        targets,
        steps=50,
    )
    torch.testing.assert_close(points, targets)
    assert float(squares.max()) < 1e-20


def test_squares_never_grow():
    starts = torch.linspace(-3, 3, 20, dtype=torch.float64)[:, None]
    constants = torch.zeros(20, dtype=torch.float64)
    function = lambda point, _: torch.cat([point.sin() + 2, point.cos()])  # noqa: E731
    before = torch.vmap(function)(starts, constants).square().sum(1)
    _, after = minimise(function, starts, constants, steps=10)
    assert bool((after <= before).all())
