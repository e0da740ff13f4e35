"""ResNet-20, whose shortcuts skip pixels and pad channels, shares a batch among rows and stays right."""

import copy

import pytest
import torch

from attacks import Model
from gradveil.models import IMAGENET, build, normalised
from tests.attacks.cases import generator
from tests.attacks.gradients.networks import plain_gradients
from tests.shared_data import shared

SHAPE, CLASSES = (3, 32, 32), 10


@pytest.fixture(scope="module", params=["untrained", "trained"])
def network(request):
    network = build("resnet20", SHAPE, CLASSES, 0)
    if request.param == "trained":
        from safetensors.torch import load_file

        network.load_state_dict(load_file(shared("resnet20_cifar10.safetensors")))
    return normalised(network.double(), *IMAGENET)


@pytest.mark.parametrize("batch_norm", ["running", "batch"])
@pytest.mark.parametrize(("rows", "examples"), [(1, 1), (3, 1), (2, 4)])
def test_rows_have_autograds_gradient_in_both_modes(network, batch_norm, rows, examples):
    model = Model(network, SHAPE, CLASSES, batch_norm)
    images = torch.rand(rows, examples, *SHAPE, generator=generator(), dtype=torch.float64)
    labels = torch.randint(CLASSES, (rows, examples), generator=generator())
    client = copy.deepcopy(network).train(batch_norm == "batch")
    expected = plain_gradients(client, images, labels)
    assert model.batched
    torch.testing.assert_close(model.run(images, labels).gradient.dense(), expected)
