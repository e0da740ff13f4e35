"""Batch statistics are those of each row's own batch, as a client in training mode computes them."""

import pytest
import torch
from torch import nn

from attacks import AttackError
from attacks.gradients.normalisation import RowBatchNorm, rows_of, with_row_statistics
from tests.attacks.gradients.networks import (
    BATCH_NORMS,
    KINDS,
    VICTIMS,
    Kind,
    batch_of,
    model_of,
    network_of,
    plain_gradients,
    random_values,
    targets_of,
    weights_of,
)

NO_STATISTICS = Kind(lambda: nn.BatchNorm2d(3, track_running_stats=False), (3, 4, 5))
OWN_STATISTICS = Kind(lambda: nn.InstanceNorm2d(3, affine=True, track_running_stats=True), (3, 4, 5))


@pytest.mark.parametrize("name", BATCH_NORMS)
def test_every_row_is_normalised_as_torch_does_in_training_mode(name):
    network, shape = network_of(KINDS[name]), KINDS[name].shape
    images, labels = batch_of(shape)
    model = model_of(network, shape, "batch")
    assert model.batched
    expected = plain_gradients(network.train(), images, labels)
    torch.testing.assert_close(model.run(images, labels).gradient.dense(), expected)
    alone = [model.run(images[[row]], labels[[row]]).gradient.dense()[0] for row in range(len(images))]
    torch.testing.assert_close(torch.stack(alone), expected)


@pytest.mark.parametrize("name", BATCH_NORMS)
def test_second_derivatives_agree_with_finite_differences(name):
    model = model_of(network_of(KINDS[name]), KINDS[name].shape, "batch")
    images, labels = batch_of(KINDS[name].shape, rows=VICTIMS, examples=2)
    targets = targets_of(model, random_values(model), weights_of("graded", model))

    def error(images):
        return model.run(images, labels).gradient.square_error(targets)

    assert torch.autograd.gradcheck(error, images.requires_grad_(), fast_mode=True)


@pytest.mark.parametrize("batch_norm", ["running", "batch"])
def test_a_layer_that_keeps_no_statistics_does_not_mix_rows(batch_norm):
    network = network_of(NO_STATISTICS)
    images, labels = batch_of(NO_STATISTICS.shape)
    model = model_of(network, NO_STATISTICS.shape, batch_norm)
    assert model.batched
    expected = plain_gradients(network.eval(), images, labels)
    torch.testing.assert_close(model.run(images, labels).gradient.dense(), expected)


@pytest.mark.parametrize("batch_norm", ["running", "batch"])
def test_instance_normalisation_follows_the_clients_mode(batch_norm):
    network = network_of(OWN_STATISTICS)
    images, labels = batch_of(OWN_STATISTICS.shape)
    model = model_of(network, OWN_STATISTICS.shape, batch_norm)
    expected = plain_gradients(network.train(batch_norm == "batch"), images, labels)
    torch.testing.assert_close(model.run(images, labels).gradient.dense(), expected)


def test_parameters_and_buffers_keep_their_names_and_values():
    network = network_of(KINDS["batchnorm2d"])
    replaced = with_row_statistics(network, "batch")
    names = [name for name, _ in network.named_parameters()]
    assert [name for name, _ in replaced.named_parameters()] == names
    assert torch.equal(replaced.get_buffer("0.running_mean"), network.get_buffer("0.running_mean"))
    assert isinstance(network[0], nn.BatchNorm2d)


def test_a_layer_with_two_names_stays_one_layer():
    layer = nn.BatchNorm1d(3)
    network = nn.ModuleDict({"one": layer, "other": layer})
    replaced = with_row_statistics(network, "batch")
    assert replaced["one"] is replaced["other"]
    assert isinstance(replaced["one"], RowBatchNorm)


def test_a_network_that_is_one_layer_is_replaced():
    assert isinstance(with_row_statistics(nn.BatchNorm1d(3), "batch"), RowBatchNorm)


def test_the_number_of_rows_is_forgotten_even_after_an_error():
    network = with_row_statistics(nn.BatchNorm1d(3), "batch")
    with pytest.raises(RuntimeError), rows_of(network, 4):
        network(torch.rand(6, 3))
    assert network.rows == 1


def test_statistics_of_a_single_value_are_refused():
    model = model_of(network_of(KINDS["batchnorm1d"]), (6,), "batch")
    images, labels = batch_of((6,), examples=1)
    with pytest.raises(AttackError, match="single value"):
        model.run(images, labels)
