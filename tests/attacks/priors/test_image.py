"""Priors on pixels alone against their formulas."""

import pytest
import torch

from attacks import AttackError
from attacks.priors import Box, Product, SquaredVariation, TotalVariation
from tests.attacks.cases import generator
from tests.attacks.priors.cases import images, value_of


def picture(*lines):
    return torch.tensor(lines, dtype=torch.float64).reshape(1, 1, 1, len(lines), -1)


CORNER = picture([0.0, 3.0], [4.0, 1.0])
DOWN, ACROSS = [4.0, -2.0], [3.0, -3.0]


def test_the_box_is_flat_inside():
    assert value_of(Box(), picture([0.0, 0.2], [0.8, 1.0])) == 0


def test_the_box_counts_squared_distances_outside():
    found = value_of(Box(weight=2.0), picture([-0.5, 0.5], [1.25, 3.0]))
    assert float(found) == pytest.approx(2 * (0.25 + 0.0625 + 4.0))


def test_an_empty_box_is_refused():
    with pytest.raises(AttackError, match="empty"):
        Box(1.0, 0.0)


def test_anisotropic_variation_sums_smoothed_steps():
    expected = 0.1 * sum((step**2 + 0.25) ** 0.5 for step in DOWN + ACROSS)
    assert float(value_of(TotalVariation(0.1, 0.5), CORNER)) == pytest.approx(expected)


def test_isotropic_variation_sums_smoothed_lengths_at_each_pixel():
    squares = [3.0**2 + 4.0**2, 2.0**2, 3.0**2, 0.0]
    expected = 0.1 * sum((square + 0.25) ** 0.5 for square in squares)
    assert float(value_of(TotalVariation(0.1, 0.5, isotropic=True), CORNER)) == pytest.approx(expected)


def test_squared_variation_sums_squared_steps():
    expected = 0.1 * sum(step**2 for step in DOWN + ACROSS)
    assert float(value_of(SquaredVariation(0.1), CORNER)) == pytest.approx(expected)


VARIATIONS = [TotalVariation(0.2), TotalVariation(0.2, isotropic=True), SquaredVariation(0.2)]
each = pytest.mark.parametrize("prior", VARIATIONS, ids=["anisotropic", "isotropic", "squared"])


@each
@pytest.mark.parametrize("channels", [2, 3, 5])
def test_variation_adds_up_over_channels(prior, channels):
    colour = images(channels=channels)
    by_channel = sum(value_of(prior, colour[:, :, [channel]]) for channel in range(channels))
    torch.testing.assert_close(value_of(prior, colour), by_channel)


@each
def test_variation_prefers_smooth_images(prior):
    ramp = torch.linspace(0, 1, 16).reshape(1, 1, 1, 4, 4)
    shuffled = ramp.flatten()[torch.randperm(16, generator=generator())].reshape(ramp.shape)
    assert value_of(prior, ramp) < value_of(prior, shuffled)


@each
def test_variation_does_not_see_brightness(prior):
    torch.testing.assert_close(value_of(prior, images()), value_of(prior, images() + 7.0))


@pytest.mark.parametrize("softening", [0.0, -1.0, float("nan")])
def test_softening_must_be_positive(softening):
    with pytest.raises(AttackError, match="softening"):
        TotalVariation(1.0, softening)


def test_a_product_is_the_sum_of_its_factors():
    parts = (Box(weight=0.3), TotalVariation(0.2))
    expected = value_of(parts[0], images()) + value_of(parts[1], images())
    torch.testing.assert_close(value_of(Product(parts), images()), expected)
