"""Layer-wise gradients of many rows are autograd's of every row, and so is all that is computed from them."""

import pytest
import torch
from torch import nn

from attacks.gradients import Dense, OuterSum, layers
from tests.attacks.gradients.networks import (
    KINDS,
    ROWS,
    VICTIMS,
    WEIGHTS,
    Kind,
    batch_of,
    model_of,
    network_of,
    plain_gradients,
    random_values,
    targets_of,
    weights_of,
)

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")

WRITTEN_OUT = {"written-out": 1 << 16, "ghost": 0}

LARGE = {
    "large": Kind(lambda: nn.Linear(300, 250), (300,)),
    "large-positions": Kind(lambda: nn.Linear(300, 250), (4, 300)),
}


@pytest.fixture(params=WRITTEN_OUT, ids=str)
def form(request, monkeypatch):
    """Linear weights of any size as sums of outer products, or written out."""
    monkeypatch.setattr(layers, "_WRITTEN_OUT", WRITTEN_OUT[request.param])


def materialised(rows, values, weights):
    """Inner products, squared norms and squared errors of gradients (R, P), written out."""
    of_row = [torch.repeat_interleave(one, ROWS // VICTIMS, dim=0) for one in (values, weights)]
    values, weights = of_row
    return (
        (weights * rows * values).sum(1),
        (weights * rows.square()).sum(1),
        (weights * (rows - values).square()).sum(1),
    )


def compared(model, gradient, kind):
    """The same three, computed layer by layer, and written out from rows (R, P)."""
    weights = weights_of(kind, model)
    values = torch.where(weights > 0, random_values(model), 0.0)
    targets = targets_of(model, values, weights)
    found = (gradient.inner(targets), gradient.square_norm(targets), gradient.square_error(targets))
    return found, lambda rows: materialised(rows, values, weights)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_rows_side_by_side_have_autograds_gradients(name, dtype, form):
    network, shape = network_of(KINDS[name]).to(dtype), KINDS[name].shape
    images, labels = batch_of(shape)
    model = model_of(network, shape)
    assert model.batched
    found = model.run(images.to(dtype), labels).gradient.dense()
    torch.testing.assert_close(found, plain_gradients(network.eval(), images.to(dtype), labels))


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("name", KINDS)
def test_products_and_norms_equal_those_written_out(name, weights, form):
    network, shape = network_of(KINDS[name]), KINDS[name].shape
    images, labels = batch_of(shape)
    model = model_of(network, shape)
    found, expected = compared(model, model.run(images, labels).gradient, weights)
    for one, other in zip(found, expected(plain_gradients(network.eval(), images, labels)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("name", LARGE)
def test_large_linear_layers_are_never_written_out(name, weights):
    network, shape = network_of(LARGE[name]), LARGE[name].shape
    images, labels = batch_of(shape)
    model = model_of(network, shape)
    gradient = model.run(images, labels).gradient
    assert isinstance(gradient.blocks["0.weight"], OuterSum)
    found, expected = compared(model, gradient, weights)
    for one, other in zip(found, expected(plain_gradients(network, images, labels)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", LARGE)
def test_ghost_norms_hold_in_single_precision(name):
    network, shape = network_of(LARGE[name]).float(), LARGE[name].shape
    images, labels = batch_of(shape)
    model = model_of(network, shape)
    found, expected = compared(model, model.run(images.float(), labels).gradient, "masked")
    for one, other in zip(found, expected(plain_gradients(network, images.float(), labels)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_pairs_of_many_positions_are_not_formed():
    kind = Kind(lambda: nn.Linear(300, 250), (6, 300))
    images, labels = batch_of(kind.shape)
    gradient = model_of(network_of(kind), kind.shape).run(images, labels).gradient
    assert isinstance(gradient.blocks["0.weight"], Dense)


@pytest.mark.parametrize("weights", ["uniform", "graded"])
@pytest.mark.parametrize("name", KINDS)
def test_second_derivatives_agree_with_finite_differences(name, weights, form):
    model = model_of(network_of(KINDS[name]), KINDS[name].shape)
    images, labels = batch_of(KINDS[name].shape, rows=VICTIMS, examples=1)

    def all_three(images):
        found, _ = compared(model, model.run(images, labels).gradient, weights)
        return torch.stack(found)

    assert torch.autograd.gradcheck(all_three, images.requires_grad_(), fast_mode=True)


def test_elementwise_terms_are_summed_over_what_is_read():
    network, shape = network_of(KINDS["conv2d"]), KINDS["conv2d"].shape
    images, labels = batch_of(shape)
    model = model_of(network, shape)
    weights = weights_of("hidden", model)
    values = torch.where(weights > 0, random_values(model), 0.0)
    targets = targets_of(model, values, weights)
    found = model.run(images, labels).gradient.elementwise(
        lambda predicted, target: target.weights[:, None] * (predicted - target.values[:, None]).abs(),
        targets,
    )
    rows = plain_gradients(network, images, labels).reshape(VICTIMS, -1, model.layout.size)
    expected = (weights[:, None] * (rows - values[:, None]).abs()).sum(-1).flatten()
    torch.testing.assert_close(found, expected)


def test_a_layer_of_a_kind_without_rule_has_none():
    class Own(nn.Linear):
        pass

    assert layers.rule_of(nn.Bilinear(2, 2, 2)) is None
    assert layers.rule_of(Own(2, 2)) is None
