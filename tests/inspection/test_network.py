"""A user's model is called by name, checked before it is attacked, and sees the values it is used to."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from gradveil.exchange import GradveilError
from gradveil.inspection import InspectionError, Question
from gradveil.inspection.network import load_model
from gradveil.models import build

SHAPE = (1, 8, 8)
UNIT = (0.0, 1.0)

CODE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(64, 4)
        self.drop = nn.Dropout()
    def forward(self, images):
        return self.head(self.drop(images.flatten(1)))

class Zoo:
    net = Net

def half(): return Net().half()
def nothing(): return None
def broken(): raise RuntimeError("first line\\nsecond line")
def needs(shape): return Net()
def tokens(): return nn.Embedding(3, 4)
def maps(): return nn.Conv2d(1, 4, 3)
def one(): return nn.Sequential(nn.Flatten(), nn.Linear(64, 1))
def pair():
    class Two(Net):
        def forward(self, images): return super().forward(images), images
    return Two()
number = 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module in the current folder, as a user has it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_models.py").write_text(CODE)
    yield "my_models"
    sys.modules.pop("my_models", None)


def loaded(source, value_range=UNIT, shape=SHAPE, **changes):
    asked = Question(Path("update"), source, (), input_shape=shape, classes=4, value_range=value_range)
    return load_model(replace(asked, **changes))


@pytest.mark.parametrize("path", ["Net", "Zoo.net", "half"])
def test_a_callable_in_a_module_of_the_current_folder(module, path):
    model = loaded(f"{module}:{path}")
    assert (model.classes, model.layout.names) == (4, ("head.weight", "head.bias"))
    assert model.logits(torch.zeros(2, *SHAPE)).dtype == torch.float32


def test_a_model_runs_in_eval_mode(module):
    model, images = loaded(f"{module}:Net"), torch.rand(2, *SHAPE)
    assert torch.equal(model.logits(images), model.logits(images))


def test_the_search_path_is_left_as_it_was(module):
    before = list(sys.path)
    loaded(f"{module}:Net")
    assert sys.path == before
    with pytest.raises(InspectionError):
        loaded(f"{module}:broken")
    assert sys.path == before


@pytest.mark.parametrize("source", ["cnn@3", "cnn"])
def test_a_network_of_gradveil_by_name_and_seed(source):
    expected = build("cnn", SHAPE, 4, 3 if "@" in source else 0)
    images = torch.rand(2, *SHAPE)
    torch.testing.assert_close(loaded(source).logits(images), expected(images))


@pytest.mark.parametrize("value_range", [(-1.0, 1.0), (0.0, 255.0), (-0.4242, 2.8215)])
def test_the_network_sees_its_own_black_and_white(value_range):
    low, high = value_range
    images, expected = torch.rand(2, *SHAPE), build("cnn", SHAPE, 4, 3)
    found = loaded("cnn@3", value_range).logits(images)
    torch.testing.assert_close(found, expected(low + (high - low) * images), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("source", ["cnn@3", "resnet20@3"])
def test_gradients_are_those_of_the_network_at_its_own_values(source):
    """So they must be: a client computes them on values of its own range and knows of no other."""
    name, images, labels = source.partition("@")[0], torch.rand(2, *SHAPE), torch.tensor([0, 3])
    network = build(name, SHAPE, 4, 3).eval()
    loss = F.cross_entropy(network(2 * images - 1), labels, reduction="sum")
    gradients = torch.autograd.grad(loss, list(network.parameters()))
    expected = torch.cat([gradient.flatten() for gradient in gradients])
    torch.testing.assert_close(
        loaded(source, (-1.0, 1.0)).gradient(images, labels), expected, rtol=1e-3, atol=1e-4
    )


def test_batch_normalisation_is_the_clients():
    """By the statistics of its own batch, the logits of an image depend on its company; else they do not."""
    images = torch.rand(3, *SHAPE)
    for kind in ("running", "batch"):
        model = loaded("resnet20@0", batch_norm=kind)
        together = model.gradient(images, torch.arange(3))
        apart = sum(model.gradient(images[n : n + 1], torch.tensor([n])) for n in range(3))
        assert bool(torch.allclose(together, apart, rtol=1e-3, atol=1e-3)) == (kind == "running")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("absent", "AttributeError: module 'my_models' has no attribute 'absent'"),
        ("number", "TypeError: 'int' object is not callable"),
        ("needs", "TypeError: .*missing 1 required positional argument"),
        ("broken", r"gives no model \(RuntimeError: first line second line\); name a module"),
        ("nothing", "returned NoneType; return a torch.nn.Module"),
        ("tokens", "does not take images of 1x8x8 .*; give their --shape"),
        ("maps", r"returns \(1, 4, 6, 6\) for one image; return logits"),
        ("one", r"returns \(1, 1\) for one image"),
        ("pair", "returns tuple for one image"),
    ],
)
def test_what_is_no_classifier_is_refused(module, path, words):
    with pytest.raises(InspectionError, match=words) as refused:
        loaded(f"{module}:{path}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("source", ["no_such_module:net", ":net", "math:", "gradveil.no.such:net", "..x:net"])
def test_what_is_no_module_and_callable_is_refused(source):
    with pytest.raises(InspectionError, match="gives no model"):
        loaded(source)


def test_a_module_that_does_not_import_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "unfinished_module.py").write_text("def net(:\n")
    with pytest.raises(InspectionError, match="SyntaxError"):
        loaded("unfinished_module:net")


@pytest.mark.parametrize("source", ["cnn@x", "cnn@-1", "cnn@1.5", f"cnn@{2**63}", "cnn@@1"])
def test_a_seed_is_a_whole_number(source):
    with pytest.raises(InspectionError, match="neither module:callable nor NAME@SEED"):
        loaded(source)


def test_unknown_networks_are_named():
    with pytest.raises(GradveilError, match="no model 'vgg'; choose among"):
        loaded("vgg@0")


def test_images_of_another_size_are_named():
    with pytest.raises(GradveilError, match="convnet64 needs images of 9 x 9"):
        loaded("convnet64@0")
