"""Rank, posterior and certificate where the answer is known."""

import math

import pytest
import torch

from attacks import Evidence, Spectrum, certify, spectrum, targets_of
from tests.attacks.cases import images_of, mlp


@pytest.fixture(scope="module")
def model():
    return mlp(hidden=12)


@pytest.fixture(scope="module")
def image(model):
    return images_of(model)


LABELS = torch.tensor([2])


def read(model, image, mask):
    values = model.gradient(image, LABELS)
    return targets_of([Evidence(("ann",), values * mask, mask, 0.0, 1)], model.layout)


def everything(model):
    return torch.ones(model.layout.size, dtype=torch.bool)


def last_layer(model):
    """12 + 1 numbers a class, from which the inputs of the last layer follow and 36 pixels cannot."""
    mask = torch.zeros(model.layout.size, dtype=torch.bool)
    mask[-4 * 13 :] = True
    return mask


def test_a_first_layer_determines_every_pixel(model, image):
    found = spectrum(model, image, LABELS, read(model, image, everything(model)))
    assert (found.rank, found.dimension) == (36, 36)


def test_the_last_layer_determines_only_its_own_inputs(model, image):
    found = spectrum(model, image, LABELS, read(model, image, last_layer(model)))
    assert found.rank == 12


def test_reading_more_never_lowers_the_rank_or_the_trace(model, image):
    less, more = (
        spectrum(model, image, LABELS, read(model, image, m(model))) for m in (last_layer, everything)
    )
    assert less.rank < more.rank
    assert less.trace < more.trace


def test_the_posterior_of_one_direction_is_that_of_two_normal_readings():
    found = Spectrum(torch.tensor([4.0], dtype=torch.float64))
    expected = 1 / (4.0 / 0.5 + 1 / 0.25)
    assert found.posterior_variance(0.5, 0.25) == pytest.approx(expected)
    assert found.posterior_psnr(0.5, 0.25) == pytest.approx(-10 * math.log10(expected))


def test_directions_that_leave_no_trace_keep_the_prior():
    found = Spectrum(torch.zeros(7, dtype=torch.float64))
    assert found.posterior_variance(1e-9, 0.08) == pytest.approx(0.08)
    assert found.rank == 0


def test_the_truth_is_certified(model, image):
    certificate = certify(model, image, LABELS, read(model, image, everything(model)))
    assert certificate.unique
    assert certificate.exact
    assert certificate.psnr > 60


def test_an_image_that_reads_otherwise_is_not(model, image):
    certificate = certify(model, 1 - image, LABELS, read(model, image, everything(model)))
    assert certificate.unique
    assert not certificate.exact


def test_what_is_not_unique_is_not_certified_even_if_it_is_the_truth(model, image):
    certificate = certify(model, image, LABELS, read(model, image, last_layer(model)))
    assert certificate.relative_residual < 1e-6
    assert not certificate.unique
    assert not certificate.exact
