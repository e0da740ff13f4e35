"""What the information strategy leaves readable tells less than what others leave."""

import sys

import numpy as np
import pytest
import torch
from torch import nn

from attacks import Model
from gradveil.calibration import Examples, information, row_norm, sensitivity
from gradveil.calibration.groups import coordinates, layers_of, partitions
from gradveil.exchange import Layout
from gradveil.selection import random
from tests.calibration.networks import CLASSES, SHAPE, examples, jacobian


@pytest.fixture(scope="module")
def rows():
    """The noise-scaled Jacobian at the first example."""
    some = examples()
    gradient = torch.from_numpy(some.sample.updates[0].vector)
    return jacobian(some.model, *next(iter(some.each()))) / (1e-6 * float(gradient.square().mean().sqrt()))


def told(rows, selection):
    seen = rows[torch.from_numpy(selection.complement)]
    return float(torch.logdet(torch.eye(rows.shape[1], dtype=rows.dtype) + seen.T @ seen))


@pytest.mark.parametrize("ratio", [0.3, 0.5, 0.7, 0.9])
def test_what_stays_readable_tells_less(rows, ratio):
    some = examples()
    others = [sensitivity(some), row_norm(some), random(some.model.layout, np.random.default_rng(0))]
    ours = told(rows, information(some).at(ratio))
    assert all(ours < told(rows, other.at(ratio)) for other in others)


def test_a_layer_that_repeats_another_stays_readable_with_it():
    """Features behind a convolution tell of the image; the many weights of the head only of the features."""
    found = information(examples())
    layers = {name: coordinates(found.layout, names) for name, names in layers_of(found.layout).items()}
    places = np.argsort(found.order)
    means = {name: places[part].mean() for name, part in layers.items()}
    assert list(means) == ["0", "2", "5"]
    assert means["5"] > means["2"]


def test_dead_entries_are_protected_last_of_all_layers():
    class Half(nn.Module):
        def forward(self, images):
            return torch.cat([images[:, :18], torch.zeros_like(images[:, 18:])], 1)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Flatten(), Half(), nn.Linear(36, 8), nn.Sigmoid(), nn.Linear(8, CLASSES))
    model = Model(net, SHAPE, CLASSES)
    rng = torch.Generator().manual_seed(0)
    some = Examples(model, torch.rand(1, *SHAPE, generator=rng), torch.zeros(1, dtype=torch.int64))
    last = information(some).order[-18 * 8 :]
    weights = np.arange(36 * 8).reshape(8, 36)
    assert sorted(last) == sorted(weights[:, 18:].ravel())


def test_more_directions_than_a_sketch_holds_are_not_taken(monkeypatch):
    monkeypatch.setattr(sys.modules[information.__module__], "DIRECTIONS", 8)
    found = information(examples())
    assert sorted(found.order) == list(range(found.layout.size))


def test_layers_and_groups_are_told_by_name_and_axis():
    layout = Layout(("a.weight", "a.bias", "scale"), ((2, 3), (2,), (4,)))
    assert layers_of(layout) == {"a": ("a.weight", "a.bias"), "": ("scale",)}
    assert coordinates(layout, ("a.bias",)).tolist() == [6, 7]
    outputs, inputs = partitions(layout, ("a.weight", "a.bias"))
    assert outputs.tolist() == [0, 0, 0, 1, 1, 1, 0, 1]
    assert inputs.tolist() == [0, 1, 2, 0, 1, 2, -1, -1]
    assert [one.tolist() for one in partitions(layout, ("scale",))] == [[0, 1, 2, 3]]
