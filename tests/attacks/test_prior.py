"""Priors against their formulas and against finite differences."""

import pytest
import torch

from attacks import Box, Product, TotalVariation
from tests.attacks.cases import generator


def images(channels, count=2, side=4):
    """Values from -1 to 2, none nearer than 0.01 to a bound of the box, where its curvature jumps."""
    values = 3 * torch.rand(count, channels, side, side, generator=generator(), dtype=torch.float64) - 1
    near = (values.abs() < 0.01) | ((values - 1).abs() < 0.01)
    return values + 0.02 * near


PRIORS = {
    "box": Box(weight=0.7),
    "wide box": Box(low=-0.5, high=1.5),
    "total variation": TotalVariation(0.3, softening=0.1),
    "product": Product((Box(), TotalVariation(0.3, softening=0.1), TotalVariation(0.1))),
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS.keys())
def test_gradients_agree_with_finite_differences(prior, channels):
    assert torch.autograd.gradcheck(prior.negative_log, images(channels).requires_grad_())


def test_the_box_is_flat_inside():
    inside = torch.tensor([[[[0.0, 0.2], [0.8, 1.0]]]])
    assert Box().negative_log(inside) == 0


def test_the_box_counts_squared_distances_outside():
    outside = torch.tensor([[[[-0.5, 0.5], [1.25, 3.0]]]])
    assert float(Box(weight=2.0).negative_log(outside)) == pytest.approx(2 * (0.25 + 0.0625 + 4.0))


def test_total_variation_sums_smoothed_steps_of_rows_and_columns():
    image = torch.tensor([[[[0.0, 3.0], [1.0, 1.0]]]], dtype=torch.float64)
    softening = 0.5
    steps = [3.0, 0.0, 1.0, -2.0]
    expected = 0.1 * sum((step**2 + softening**2) ** 0.5 for step in steps)
    assert float(TotalVariation(0.1, softening).negative_log(image)) == pytest.approx(expected)


def test_total_variation_adds_up_over_channels():
    colour = images(3)
    prior = TotalVariation(0.2)
    by_channel = sum(prior.negative_log(colour[:, [channel]]) for channel in range(3))
    torch.testing.assert_close(prior.negative_log(colour), by_channel)


def test_total_variation_prefers_smooth_images():
    ramp = torch.linspace(0, 1, 16).reshape(1, 1, 4, 4)
    shuffled = ramp.flatten()[torch.randperm(16, generator=generator())].reshape(ramp.shape)
    prior = TotalVariation(1.0)
    assert prior.negative_log(ramp) < prior.negative_log(shuffled)


def test_a_product_is_the_sum_of_its_factors():
    parts = (Box(weight=0.3), TotalVariation(0.2))
    image = images(1)
    torch.testing.assert_close(
        Product(parts).negative_log(image), parts[0].negative_log(image) + parts[1].negative_log(image)
    )


def test_an_empty_product_believes_nothing():
    assert Product(()).negative_log(images(1)) == 0
