"""A small network, one update of it, and the files a user would have."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from gradveil.exchange import Layout
from gradveil.inspection import Question
from gradveil.models import build

SHAPE, CLASSES, MODEL = (1, 8, 8), 4, "cnn@3"


@pytest.fixture(scope="session")
def image():
    return torch.rand(1, *SHAPE, generator=torch.Generator().manual_seed(77))


@pytest.fixture(scope="session")
def network():
    return build("cnn", SHAPE, CLASSES, 3)


@pytest.fixture(scope="session")
def gradients(network, image):
    """The mean gradient of one image of class 2, by name."""
    loss = F.cross_entropy(network(image), torch.tensor([2]))
    parameters = dict(network.named_parameters())
    return dict(zip(parameters, torch.autograd.grad(loss, parameters.values()), strict=True))


@pytest.fixture(scope="session")
def layout(gradients):
    return Layout.of({name: gradient.numpy() for name, gradient in gradients.items()})


@pytest.fixture
def update(tmp_path, gradients):
    path = tmp_path / "update.safetensors"
    save_file(gradients, path)
    return path


@pytest.fixture
def question(update):
    """What the baseline makes of the update: it costs nothing."""
    return Question(update, MODEL, ("guess",), input_shape=SHAPE, classes=CLASSES)


@pytest.fixture
def flat(tmp_path, question, gradients):
    """The same update as one vector, its tensors in reverse order."""
    names = list(gradients)[::-1]
    path, described = tmp_path / "flat.safetensors", tmp_path / "layout.json"
    save_file({"update": torch.cat([gradients[name].flatten() for name in names])}, path)
    described.write_text(json.dumps({name: list(gradients[name].shape) for name in names}))
    return replace(question, update=path, layout=described)
