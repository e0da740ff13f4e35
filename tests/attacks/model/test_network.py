"""The adversary's model agrees with plain autograd."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from attacks import AttackError, Model
from tests.attacks.cases import generator, images_of, network

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
def test_the_graph_differentiates_by_the_images(name):
    built = network(name, (1, 8, 8)).network.double()
    model = Model(built, (1, 8, 8), 10)
    images = images_of(model, 2)[:, None].double().requires_grad_()
    labels = torch.tensor([[3], [0]])

    def square(images):
        return model.run(images, labels).gradient.dense().square().sum(1)

    assert torch.autograd.gradcheck(square, images, fast_mode=True)


def test_class_probabilities_are_labels_too(tiny):
    images, labels = images_of(tiny, 3), torch.tensor([0, 2, 1])
    soft = F.one_hot(labels, tiny.classes).float()
    found = tiny.run(images[:, None], soft[:, None]).gradient.dense()
    torch.testing.assert_close(found, tiny.run(images[:, None], labels[:, None]).gradient.dense())


def test_the_network_given_is_left_as_it_is():
    given = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU(inplace=True), nn.Linear(3, 2)).train()
    model = Model(given, (4,), 2, "batch")
    model.run(torch.ones(2, 3, 4), torch.zeros(2, 3, dtype=torch.int64))
    assert given.training
    assert given[2].inplace
    assert isinstance(given[1], nn.BatchNorm1d)
    assert given[1].num_batches_tracked == 0


def test_frozen_parameters_are_no_part_of_the_update():
    layers = nn.Sequential(nn.Linear(4, 3), nn.Sigmoid(), nn.Linear(3, 2))
    layers[0].requires_grad_(False)
    layers[2].bias.requires_grad_(False)
    model = Model(layers, (4,), 2)
    assert model.layout.names == ("2.weight",)
    images, labels = torch.rand(2, 3, 4, generator=generator()), torch.tensor([[0, 1, 1], [1, 0, 0]])
    loss = F.cross_entropy(layers(images[1]), labels[1], reduction="sum")
    (expected,) = torch.autograd.grad(loss, layers[2].weight)
    for rows in (slice(None), slice(1, None)):
        found = model.run(images[rows], labels[rows]).gradient.dense()[-1]
        torch.testing.assert_close(found, expected.flatten())


def test_a_network_that_is_all_frozen_is_refused():
    with pytest.raises(AttackError, match="unfreeze"):
        Model(nn.Linear(4, 2).requires_grad_(False), (4,), 2)
