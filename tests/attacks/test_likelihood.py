"""The Gaussian likelihood against its formula and against finite differences."""

import math

import pytest
import torch

from attacks import Evidence, Gaussian
from tests.attacks.cases import generator

SIZE = 12


def evidence_of(values, noise_std=0.0, hidden=()):
    mask = torch.ones(len(values), dtype=torch.bool)
    mask[list(hidden)] = False
    return Evidence(("ann",), values * mask, mask, noise_std, examples=1)


@pytest.fixture
def predicted():
    return torch.randn(SIZE, generator=generator(1), dtype=torch.float64)


@pytest.fixture
def read():
    return torch.randn(SIZE, generator=generator(2), dtype=torch.float64)


def test_with_known_noise_it_is_the_normal_density(predicted, read):
    density = torch.distributions.Normal(read, 0.3).log_prob(predicted).sum()
    constant = SIZE * (math.log(0.3) + 0.5 * math.log(2 * math.pi))
    found = Gaussian().negative_log(predicted, evidence_of(read, noise_std=0.3))
    torch.testing.assert_close(found, -density - constant)


def test_without_noise_the_error_is_relative_to_the_root_mean_square(predicted, read):
    rms = math.sqrt(sum(value**2 for value in read.tolist()) / SIZE)
    error = sum((a - b) ** 2 for a, b in zip(predicted.tolist(), read.tolist(), strict=True))
    found = Gaussian(resolution=0.01).negative_log(predicted, evidence_of(read))
    assert float(found) == pytest.approx(error / (2 * (0.01 * rms) ** 2))


def test_known_noise_wins_over_the_resolution(read):
    noisy, exact = evidence_of(read, noise_std=0.3), evidence_of(read)
    assert Gaussian(1e-3).variance(noisy) == Gaussian(1e-1).variance(noisy) == pytest.approx(0.09)
    assert Gaussian(1e-3).variance(exact) < Gaussian(1e-1).variance(exact)


def test_only_readable_coordinates_count(predicted, read):
    evidence = evidence_of(read, noise_std=1.0, hidden=[0, 1, 11])
    elsewhere = predicted.clone()
    elsewhere[[0, 1, 11]] += 100
    before = Gaussian().negative_log(predicted, evidence)
    assert torch.equal(before, Gaussian().negative_log(elsewhere, evidence))
    assert float(before) == pytest.approx(float((predicted - read)[2:11].square().sum()) / 2)


def test_hidden_coordinates_do_not_dilute_the_assumed_precision(read):
    hidden = evidence_of(read, hidden=[0, 1, 11])
    assert Gaussian().variance(hidden) == pytest.approx(Gaussian().variance(evidence_of(read[2:11])))


def test_the_truth_has_the_highest_likelihood(read, predicted):
    likelihood, evidence = Gaussian(), evidence_of(read)
    assert likelihood.negative_log(read, evidence) == 0
    assert likelihood.negative_log(predicted, evidence) > 0


def test_the_variance_of_an_all_zero_reading_stays_positive():
    assert Gaussian().variance(evidence_of(torch.zeros(SIZE))) > 0


@pytest.mark.parametrize("noise_std", [0.0, 0.5])
def test_its_gradient_agrees_with_finite_differences(predicted, read, noise_std):
    evidence = evidence_of(read, noise_std, hidden=[1, 4, 8])
    likelihood = Gaussian(resolution=0.5)
    assert torch.autograd.gradcheck(
        lambda point: likelihood.negative_log(point, evidence), predicted.requires_grad_()
    )
