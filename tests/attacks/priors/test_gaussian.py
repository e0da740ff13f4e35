"""Normal densities of images and patches, and what they believe of digits."""

import math

import pytest
import torch
from torch.nn import functional as F

from attacks import AttackError
from attacks.priors import GaussianImages, GaussianPatches, PrincipalAxes
from tests.attacks.cases import generator
from tests.attacks.priors.cases import images, textures, value_of

RANK = 4


@pytest.fixture(scope="module")
def points():
    return textures(60).flatten(1)


def covariance(density):
    size = len(density.mean)
    along = density.axes.mT @ (density.variances[:, None] * density.axes)
    beside = torch.eye(size, dtype=torch.float64) - density.axes.mT @ density.axes
    return along + density.residual * beside


def test_the_value_is_the_exact_log_density(points):
    density = PrincipalAxes.fitted(points, RANK)
    normal = torch.distributions.MultivariateNormal(density.mean, covariance(density))
    elsewhere = points[:5] + 0.3
    torch.testing.assert_close(density.negative_log(elsewhere), -normal.log_prob(elsewhere))


def test_axes_variances_and_residual_are_those_of_the_sample_covariance(points):
    density = PrincipalAxes.fitted(points, RANK)
    sample = torch.cov(points.mT, correction=0)
    eigenvalues = torch.linalg.eigvalsh(sample).flip(0)
    torch.testing.assert_close(density.mean, points.mean(0))
    torch.testing.assert_close(density.variances, eigenvalues[:RANK])
    assert density.residual == pytest.approx(float(eigenvalues[RANK:].mean()))
    torch.testing.assert_close(density.axes @ sample, density.variances[:, None] * density.axes)


def test_no_other_residual_is_likelier(points):
    density = PrincipalAxes.fitted(points, RANK)
    best = density.negative_log(points).sum()
    for factor in (0.9, 1.1):
        other = PrincipalAxes(density.mean, density.axes, density.variances, factor * density.residual)
        assert other.negative_log(points).sum() > best


def test_more_elements_than_points_is_no_obstacle():
    few = textures(10).flatten(1)
    density = PrincipalAxes.fitted(few, 3)
    normal = torch.distributions.MultivariateNormal(density.mean, covariance(density))
    torch.testing.assert_close(density.negative_log(few), -normal.log_prob(few))


def test_a_density_of_float32_images_is_fitted_in_float64(points):
    single = PrincipalAxes.fitted(points.float(), RANK)
    assert single.mean.dtype == single.axes.dtype == torch.float32
    assert single.residual == pytest.approx(PrincipalAxes.fitted(points, RANK).residual, rel=1e-5)


@pytest.mark.parametrize("rank", [-1, 0, 25, 59])
def test_ranks_that_do_not_fit_are_refused(points, rank):
    with pytest.raises(AttackError, match="smaller"):
        PrincipalAxes.fitted(points, rank)


def test_axes_that_leave_no_variance_are_refused():
    plane = torch.randn(50, 2, generator=generator()) @ torch.randn(2, 9, generator=generator(1))
    with pytest.raises(AttackError, match="explain all variance"):
        PrincipalAxes.fitted(plane, 2)


def test_the_images_of_a_row_are_independent_draws(points):
    prior = GaussianImages.fitted(textures(60), RANK, weight=0.5)
    rows = images()
    expected = 0.5 * prior.density.negative_log(rows.flatten(2)).sum(1)
    torch.testing.assert_close(value_of(prior, rows), expected)


def test_every_overlapping_patch_counts():
    prior = GaussianPatches.fitted(textures(60, 3), RANK, 3, generator())
    rows = images(channels=3)
    expected = torch.zeros(2, dtype=torch.float64)
    for top in range(3):
        for left in range(3):
            patch = rows[..., top : top + 3, left : left + 3]
            expected += prior.density.negative_log(patch.flatten(2)).sum(1) / 9
    torch.testing.assert_close(value_of(prior, rows), expected)


def test_patches_are_fitted_the_same_for_the_same_generator(digits, monkeypatch):
    monkeypatch.setattr("attacks.priors.gaussian.MAX_PATCHES", 5000)
    some = torch.from_numpy(digits.images[::10])
    first, second, other = (GaussianPatches.fitted(some, 5, 4, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first.density.mean, second.density.mean)
    assert not torch.equal(first.density.mean, other.density.mean)


def test_images_of_another_shape_are_refused():
    whole = GaussianImages.fitted(textures(60), RANK)
    with pytest.raises(AttackError, match="fitted to 25 values at a time, used on 75"):
        value_of(whole, images(channels=3))
    patches = GaussianPatches.fitted(textures(60), RANK, 3, generator())
    with pytest.raises(AttackError, match="fitted to 9 values at a time, used on 27"):
        value_of(patches, images(channels=3))


@pytest.mark.parametrize("side", [0, 6])
def test_patches_that_do_not_fit_are_refused(side):
    with pytest.raises(AttackError, match="side"):
        GaussianPatches.fitted(textures(60), RANK, side, generator())


@pytest.fixture(scope="module")
def split(digits):
    """Digits to learn from and others, (N, 1, 28, 28)."""
    shuffled = torch.from_numpy(digits.images)[torch.randperm(len(digits.images), generator=generator())]
    return shuffled[:1000], shuffled[1000:1100]


def fitted(kind, known):
    if kind == "images":
        return GaussianImages.fitted(known, 40)
    return GaussianPatches.fitted(known[:300], 10, 7, generator())


@pytest.mark.parametrize("kind", ["images", "patches"])
def test_unseen_digits_are_likelier_than_what_is_no_digit(split, kind):
    prior = fitted(kind, split[0])
    unseen = split[1][:, None]
    noise = torch.rand(unseen.shape, generator=generator(7))
    shuffled = unseen.flatten(2)[:, :, torch.randperm(784, generator=generator(8))].reshape(unseen.shape)
    for other in (noise, shuffled):
        assert (value_of(prior, unseen) < value_of(prior, other)).float().mean() > 0.98


def test_whole_digits_are_told_from_noise_that_is_smooth(split):
    prior, unseen = fitted("images", split[0]), split[1][:, None]
    noise = torch.rand(split[1].shape, generator=generator(7))
    smooth = F.avg_pool2d(noise, 3, stride=1, padding=1)[:, None]
    assert (value_of(prior, unseen) < value_of(prior, smooth)).all()


def test_digits_fill_few_of_their_pixels_directions(split):
    density = GaussianImages.fitted(split[0], 40).density
    explained = float(density.variances.sum())
    assert explained > 3 * density.residual * (784 - 40)
    per_digit = density.negative_log(split[1].flatten(1)).mean() / 784
    independent = 0.5 * math.log(2 * math.pi * math.e * float(split[0].var()))
    assert float(per_digit) < independent - 0.5
