"""The adversary's model agrees with plain autograd."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from attacks import AttackError, Model
from tests.attacks.cases import images_of, mlp, network

NETWORKS = ["lenet", "cnn"]
LABELS = [3, 0, 9]


@pytest.mark.parametrize("name", NETWORKS)
def test_the_gradient_is_plain_autograds(name):
    model = network(name)
    images, labels = images_of(model, 3), torch.tensor(LABELS)
    loss = F.cross_entropy(model.network(images), labels, reduction="sum")
    expected = torch.autograd.grad(loss, list(model.network.parameters()))
    torch.testing.assert_close(model.gradient(images, labels), torch.cat([g.flatten() for g in expected]))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_gradient_sums_over_the_batch(name):
    model = network(name)
    images, labels = images_of(model, 3), torch.tensor(LABELS)
    alone = [model.gradient(images[i : i + 1], labels[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(model.gradient(images, labels), torch.stack(alone).sum(0))


def test_the_flat_gradient_lies_in_the_order_of_the_layout(tiny):
    images, labels = images_of(tiny), torch.tensor([2])
    flat = tiny.gradient(images, labels)
    parts = tiny.layout.unflatten(flat.numpy())
    error = tiny.logits(images).softmax(1)[0] - F.one_hot(labels[0], tiny.classes)
    torch.testing.assert_close(torch.from_numpy(parts["3.bias"]), error)


def test_features_are_the_inputs_of_the_first_linear_layer(lenet):
    images = images_of(lenet, 2)
    torch.testing.assert_close(lenet.features(images), lenet.network[:7](images))


def test_features_leave_no_hook_behind(tiny):
    tiny.features(images_of(tiny))
    assert not any(module._forward_pre_hooks for module in tiny.network.modules())


def test_linear_parts_say_where_weight_and_bias_lie(tiny):
    weight, bias, inputs = tiny.linear_parts("1")
    images, labels = images_of(tiny), torch.tensor([1])
    flat = tiny.gradient(images, labels)
    outer = flat[bias][:, None] * images.flatten()
    assert inputs == 36
    torch.testing.assert_close(flat[weight].reshape(-1, inputs), outer)


def test_linear_layers_are_those_with_a_bias_in_order():
    layers = nn.Sequential(nn.Linear(4, 3, bias=False), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))
    assert Model(layers, (4,), 2).linear_layers == ("1", "3")


def test_a_network_without_linear_layers_is_refused():
    model = Model(nn.Sequential(nn.Conv2d(1, 2, 2), nn.Flatten()), (1, 2, 2), 2)
    with pytest.raises(AttackError, match="no linear layer"):
        _ = model.linear_layers


def test_the_network_runs_in_eval_mode():
    model = Model(nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 2)), (4,), 2)
    images = torch.ones(1, 4)
    assert torch.equal(model.logits(images), model.logits(images))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_graph_and_the_function_give_one_gradient(name):
    model = network(name)
    images, labels = images_of(model, 3), torch.tensor(LABELS)
    torch.testing.assert_close(model.gradient_graph(images, labels), model.gradient(images, labels))


def test_the_graph_differentiates_by_the_images(tiny):
    tiny_double = Model(mlp().network.double(), tiny.input_shape, tiny.classes)
    images = images_of(tiny).double().requires_grad_()
    labels = torch.tensor([1])
    assert torch.autograd.gradcheck(lambda x: tiny_double.gradient_graph(x, labels).square().sum(), images)
