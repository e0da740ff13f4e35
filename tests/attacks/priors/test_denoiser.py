"""A learned denoiser, and the prior made of one."""

import pytest
import torch
from torch import nn

from attacks import AttackError
from attacks.priors import BiasFreeDenoiser, Denoiser, DenoiserSettings, train_denoiser
from tests.attacks.cases import generator
from tests.attacks.priors.cases import images, textures, value_of

SMALL = DenoiserSettings(width=16, epochs=6)


@pytest.fixture(scope="module")
def split(digits):
    """Digits to learn from and others, (N, 1, 28, 28)."""
    shuffled = torch.from_numpy(digits.images)[torch.randperm(len(digits.images), generator=generator())]
    return shuffled[:600], shuffled[1000:1100]


@pytest.fixture(scope="module")
def trained(split):
    return train_denoiser(split[0], generator(1), SMALL)


class Smoothing(nn.Module):
    """A symmetric linear map: half the image, half the mean of its four neighbours."""

    def forward(self, images):
        kernel = torch.tensor([[0.0, 1, 0], [1, 4, 1], [0, 1, 0]], dtype=images.dtype).reshape(1, 1, 3, 3) / 8
        return nn.functional.conv2d(images, kernel, padding=1)


def noisy(clean, std):
    return clean + std * torch.randn(clean.shape, generator=generator(9))


@pytest.mark.parametrize(("std", "ratio"), [(0.1, 0.45), (0.25, 0.22), (0.5, 0.17)])
def test_it_removes_noise_from_digits_it_never_saw(split, trained, std, ratio):
    before = (noisy(split[1], std) - split[1]).square().mean()
    after = (trained(noisy(split[1], std)) - split[1]).square().mean()
    assert after < ratio * before


def test_it_beats_every_linear_smoothing_of_its_kind(split, trained):
    dirty = noisy(split[1], 0.25)
    smoothed = [dirty + share * (Smoothing()(dirty) - dirty) for share in torch.linspace(0, 2, 21)]
    best = min(float((one - split[1]).square().mean()) for one in smoothed)
    assert float((trained(dirty) - split[1]).square().mean()) < best


def test_training_repeats_for_the_same_generator_and_leaves_the_global_one_alone(split):
    quick = DenoiserSettings(depth=3, width=4, epochs=1)
    before = torch.random.get_rng_state()
    first, second, other = (train_denoiser(split[0][:64], generator(seed), quick) for seed in (1, 1, 2))
    assert torch.equal(before, torch.random.get_rng_state())
    weights = [torch.cat([p.flatten() for p in n.parameters()]) for n in (first, second, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_what_was_trained_is_fixed(trained):
    assert not trained.training
    assert not any(weight.requires_grad for weight in trained.parameters())


def test_it_is_locally_homogeneous_as_its_prior_presumes(split, trained):
    clean = split[1][:10]
    for factor in (0.1, 0.99, 3.0):
        torch.testing.assert_close(trained(factor * clean), factor * trained(clean), rtol=1e-4, atol=1e-5)


def test_noise_makes_digits_less_likely(split, trained):
    prior, unseen = Denoiser(trained, 1.0), split[1][:, None]
    values = [value_of(prior, noisy(unseen, std)) for std in (0.1, 0.3, 0.5)]
    assert (value_of(prior, unseen) < values[0]).float().mean() > 0.95
    assert (values[0] < values[1]).all()
    assert (values[1] < values[2]).all()


@pytest.mark.parametrize("gradient", ["exact", "red"])
def test_following_its_slope_denoises(split, trained, gradient):
    prior, unseen = Denoiser(trained, 1.0, gradient), split[1][:20, None]
    point = start = noisy(unseen, 0.3)
    for _ in range(20):
        point = point.detach().requires_grad_()
        (slope,) = torch.autograd.grad(value_of(prior, point).sum(), point)
        point = point.detach() - 0.1 * slope
    assert (point - unseen).square().mean() < 0.6 * (start - unseen).square().mean()


def test_the_value_is_half_the_inner_product_with_what_is_removed():
    rows = images()
    removed = rows - Smoothing()(rows.flatten(0, 1)).reshape(rows.shape)
    expected = 0.3 * (rows * removed).flatten(1).sum(1)
    for gradient in ("exact", "red"):
        torch.testing.assert_close(value_of(Denoiser(Smoothing(), 0.6, gradient), rows), expected)


@pytest.mark.parametrize("gradient", ["exact", "red"])
def test_both_slopes_are_the_values_for_a_symmetric_denoiser(gradient):
    prior = Denoiser(Smoothing(), 0.6, gradient)
    assert torch.autograd.gradcheck(lambda rows: value_of(prior, rows), images().requires_grad_())


def test_the_red_slope_is_what_the_denoiser_removes():
    network = BiasFreeDenoiser(1, DenoiserSettings(depth=3, width=4), generator()).double()
    rows = images().requires_grad_()
    (slope,) = torch.autograd.grad(value_of(Denoiser(network, 0.6, "red"), rows).sum(), rows)
    removed = rows - network(rows.flatten(0, 1)).reshape(rows.shape)
    torch.testing.assert_close(slope, 0.6 * removed.detach())
    (exact,) = torch.autograd.grad(value_of(Denoiser(network, 0.6, "exact"), rows).sum(), rows)
    assert not torch.allclose(slope, exact, rtol=1e-2)


@pytest.mark.parametrize("gradient", ["exact", "red"])
def test_a_search_in_float64_takes_a_denoiser_in_float32(split, trained, gradient):
    unseen = noisy(split[1], 0.2)[:4, None]
    single, double = (value_of(Denoiser(trained, 1.0, gradient), one) for one in (unseen, unseen.double()))
    assert double.dtype == torch.float64
    torch.testing.assert_close(double.float(), single, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("channels", [1, 3])
def test_it_learns_from_images_of_any_number_of_channels(channels):
    network = train_denoiser(textures(8, channels).float(), generator(), DenoiserSettings(width=4, epochs=1))
    assert network(torch.zeros(2, channels, 7, 9)).shape == (2, channels, 7, 9)


@pytest.mark.parametrize("shape", [(0, 1, 5, 5), (5, 5)])
def test_it_needs_images(shape):
    with pytest.raises(AttackError, match="cannot train"):
        train_denoiser(torch.zeros(shape), generator())


@pytest.mark.parametrize(
    "wrong",
    [{"depth": 1}, {"width": 0}, {"epochs": 0}, {"batch": 0}, {"noise_std": 0.0}, {"learning_rate": -1.0}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_settings_that_make_no_denoiser_are_refused(wrong):
    with pytest.raises(AttackError):
        DenoiserSettings(**wrong)
