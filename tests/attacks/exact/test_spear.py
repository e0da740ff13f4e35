"""Batches taken apart by the zeros of a ReLU layer's output gradients."""

import numpy as np
import pytest
import torch
from torch import nn

from attacks import AttackError, Model, NotApplicableError
from attacks.exact import Spear
from attacks.exact.sparse_columns import SparseColumns, low_rank
from gradveil.metrics import assign, psnr
from tests.attacks.cases import CLIENT, coords_of, generator, images_of, mlp, network, seen, update_of

SHAPE = (1, 8, 8)


def relu_model(layers=2, hidden=100, classes=5, first=nn.ReLU, seed=0, bias=True):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        parts = [nn.Flatten(), nn.Linear(64, hidden, bias=bias), first()]
        for _ in range(layers - 2):
            parts += [nn.Linear(hidden, hidden), nn.ReLU()]
        return Model(nn.Sequential(*parts, nn.Linear(hidden, classes)), SHAPE, classes)


def batch_of(model, count, seed=0):
    """Images around zero, as normalised ones are, and labels, more than one of a class."""
    images = 4 * images_of(model, count, seed) - 2
    return images, [index * 3 % (model.classes - 1) for index in range(count)]


def observed(model, images, labels, hidden=()):
    return seen(model, update_of(model, images, labels), hidden, value_range=(-2.0, 2.0))


def worst(model, images, labels, hidden=()):
    """PSNR of the worst example, and the labels in the order of the truth."""
    observation = observed(model, images, labels, hidden)
    found = Spear(draws=40).reconstruct(observation, model, client=CLIENT, rng=generator())
    unit = [(one + 2) / 4 for one in (found.images, images.numpy())]
    order = assign(*unit)
    return psnr(unit[0][order], unit[1]).min(), [found.labels[index] for index in order]


def rows_of(model, units):
    weights = coords_of(model, "1.weight").reshape(-1, 64)
    return np.concatenate([weights[units].flatten(), coords_of(model, "1.bias")[units]])


@pytest.mark.parametrize("layers", [2, 4])
@pytest.mark.parametrize("count", [2, 5, 10])
def test_batches_are_exact_with_more_examples_than_classes_too(count, layers):
    model = relu_model(layers)
    images, labels = batch_of(model, count)
    decibels, found = worst(model, images, labels)
    assert (decibels > 80, found) == (True, labels)


@pytest.mark.parametrize("seed", range(3))
def test_a_fifth_of_the_rows_hidden_is_as_exact(seed):
    model = relu_model(seed=seed)
    images, labels = batch_of(model, 6, seed)
    hidden = rows_of(model, np.random.default_rng(seed).permutation(100)[:20])
    assert worst(model, images, labels, hidden)[0] > 80


def test_all_later_layers_hidden_is_as_exact():
    model = relu_model()
    images, labels = batch_of(model, 4)
    assert worst(model, images, labels, coords_of(model, "3.weight", "3.bias"))[0] > 80


def test_layers_in_front_are_inverted():
    model = network("fedavg_cnn", (1, 8, 8))
    images, labels = torch.linspace(0, 1, 128).reshape(2, 1, 8, 8), [1, 4]
    images = torch.stack([images[0], images[1].mT])
    observation = seen(model, update_of(model, images, labels))
    found = Spear(draws=4).reconstruct(observation, model, client=CLIENT, rng=generator())
    inputs, tried = (model.features(one) for one in (images, torch.from_numpy(found.images)))
    assert (torch.cdist(inputs, tried).min(1).values / inputs.norm(dim=1)).max() < 0.1


def refused(model, reason, count=4, hidden=()):
    with pytest.raises(NotApplicableError, match=reason):
        worst(model, *batch_of(model, count), hidden)


def test_units_that_are_never_off_are_refused():
    refused(relu_model(first=nn.Sigmoid), "no ReLU")
    refused(relu_model(first=nn.Identity), "no ReLU")
    refused(relu_model(first=lambda: nn.LeakyReLU(0.2)), "no ReLU")


def test_a_layer_without_bias_is_refused():
    refused(relu_model(bias=False), "bias")


def test_a_network_of_one_layer_is_refused():
    with torch.random.fork_rng(devices=[]):
        model = Model(nn.Sequential(nn.Flatten(), nn.Linear(64, 5)), SHAPE, 5)
    refused(model, "makes the logits")


def test_one_example_is_left_to_the_closed_form():
    refused(relu_model(), "closed form", count=1)


def test_scattered_hidden_coordinates_leave_no_complete_row():
    model = relu_model()
    refused(model, "readable in full", hidden=coords_of(model, "1.weight").reshape(-1, 64)[:, 3])


def test_two_equal_images_have_no_factors():
    model = relu_model()
    images = images_of(model, 1).repeat(3, 1, 1, 1)
    with pytest.raises(AttackError, match="rank is under 3"):
        worst(model, images, [1, 1, 1])


def test_units_that_are_all_on_give_no_zeros():
    model = mlp(SHAPE, hidden=40)
    with pytest.raises(NotApplicableError, match="no ReLU"):
        worst(model, *batch_of(model, 3))


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_sparse_columns_are_found_up_to_their_lengths(share):
    rng = generator(7)
    columns = torch.randn(80, 6, generator=rng, dtype=torch.float64)
    columns *= torch.rand(80, 6, generator=rng) < 1 - share
    left, _ = low_rank(columns @ torch.randn(6, 40, generator=rng, dtype=torch.float64), 6)
    search = SparseColumns(left[left.norm(dim=1) > 1e-9])
    for _ in range(5):
        search.draw(rng)
    best = search.best()
    assert best is not None
    found = left @ best
    cosines = (found / found.norm(dim=0)).T @ (columns / columns.norm(dim=0))
    torch.testing.assert_close(cosines.abs().amax(0), torch.ones(6, dtype=torch.float64), atol=1e-6, rtol=0)


def test_a_dense_matrix_has_no_sparse_columns():
    left = torch.linalg.qr(torch.randn(60, 5, generator=generator(), dtype=torch.float64)).Q
    search = SparseColumns(left)
    assert not search.draw(generator())
    assert search.best() is None
