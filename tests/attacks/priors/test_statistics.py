"""Statistics of batch-normalisation layers."""

import pytest
import torch
from torch import nn

from attacks import AttackError, Model
from attacks.priors import BatchNormStatistics, Moments, Proposal, running_statistics
from tests.attacks.cases import generator, mlp
from tests.attacks.priors.cases import images, layers, value_of


@pytest.fixture(scope="module")
def normalised():
    """A network with two batch normalisations that have seen some images."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        head = (nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(27, 6), nn.BatchNorm1d(6))
        network = nn.Sequential(nn.Conv2d(1, 3, 3), *head, nn.Linear(6, 4)).double().train()
        network(images(1, 16)[0])
    return network


def test_moments_are_those_of_each_channel():
    inputs = layers()[0]
    found = Moments.of(inputs)
    for row in range(2):
        for channel in range(3):
            values = inputs[row, :, channel].flatten()
            mean = values.sum() / 32
            torch.testing.assert_close(found.mean[row, channel], mean)
            torch.testing.assert_close(found.variance[row, channel], (values - mean).square().sum() / 32)


def test_the_value_is_the_sum_of_distances_of_means_and_variances():
    rng = generator(4)
    known = [Moments(*(torch.rand(c, generator=rng, dtype=torch.float64) for _ in range(2))) for c in (3, 6)]
    expected = torch.zeros(2, dtype=torch.float64)
    for inputs, moments in zip(layers(), known, strict=True):
        found = Moments.of(inputs)
        for row in range(2):
            expected[row] += torch.dist(found.mean[row], moments.mean)
            expected[row] += torch.dist(found.variance[row], moments.variance)
    found = value_of(BatchNormStatistics(known, 0.5), images(), *layers())
    torch.testing.assert_close(found, 0.5 * expected)


def test_moments_of_each_victim_are_compared_with_its_own_rows():
    first, second = layers(1, seed=1), layers(1, seed=2)
    granted = [Moments.of(torch.cat(pair)) for pair in zip(first, second, strict=True)]
    prior = BatchNormStatistics(granted, 1.0)
    doubled = [torch.cat((a, a, b, b)) for a, b in zip(first, second, strict=True)]
    assert not value_of(prior, images(4), *doubled, victims=2).any()
    with pytest.raises(AttackError, match="3 rows"):
        value_of(prior, images(3), *(one[:3] for one in doubled), victims=2)


@pytest.mark.parametrize("batch_norm", ["running", "batch"])
def test_running_statistics_are_those_the_model_keeps(normalised, batch_norm):
    model = Model(normalised, (1, 5, 5), 4, batch_norm)
    first, second = running_statistics(model)
    assert torch.equal(first.mean, normalised[1].running_mean)
    assert torch.equal(second.variance, normalised[5].running_var)


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("batch_norm", ["running", "batch"])
def test_the_batch_itself_has_the_moments_that_it_was_granted_with(normalised, batch_norm, rows):
    model = Model(normalised, (1, 5, 5), 4, batch_norm)
    batch, labels = images(rows, 3), torch.zeros(rows, 3, dtype=torch.long)
    inputs = model.run(batch, labels).normalised
    exact = BatchNormStatistics([Moments.of(one) for one in inputs], 1.0)
    passed = model.run(batch, labels).normalised
    assert not exact.negative_log(Proposal(batch, passed, rows)).any()
    assert (
        BatchNormStatistics(running_statistics(model), 1.0).negative_log(Proposal(batch, passed)) > 0
    ).all()


def test_a_perfect_match_has_a_finite_slope():
    inputs = [one.requires_grad_() for one in layers()]
    exact = BatchNormStatistics([Moments.of(one.detach()) for one in inputs], 1.0)
    slopes = torch.autograd.grad(value_of(exact, images(), *inputs).sum(), inputs)
    assert not any(slope.any() for slope in slopes)


def test_a_model_without_batch_normalisation_is_refused():
    with pytest.raises(AttackError, match="no batch-normalisation"):
        running_statistics(mlp())


def test_a_layer_that_keeps_nothing_is_refused():
    network = nn.Sequential(nn.BatchNorm2d(1, track_running_stats=False), nn.Flatten(), nn.Linear(4, 2))
    with pytest.raises(AttackError, match="layer 0 keeps no running statistics"):
        running_statistics(Model(network, (1, 2, 2), 2))


def test_moments_for_other_layers_are_refused():
    with pytest.raises(AttackError, match="1 layers for 2"):
        value_of(BatchNormStatistics([Moments.of(layers()[0])], 1.0), images(), *layers())
    with pytest.raises(AttackError, match="0 layers"):
        value_of(BatchNormStatistics([], 1.0), images())


def test_moments_of_other_channels_are_refused():
    with pytest.raises(AttackError, match="3 channels"):
        value_of(BatchNormStatistics([Moments(torch.zeros(4), torch.ones(4))], 1.0), images(), layers()[0])
