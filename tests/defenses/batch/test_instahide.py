"""InstaHide mixes images and labels with the same coefficients, and inverts pixels evenly."""

import pytest
import torch

from gradveil.defenses import DefenseError, InstaHide

IMAGES = torch.rand(6, 1, 20, 20, generator=torch.Generator().manual_seed(7))
LABELS = torch.eye(6)


def fed(defense=InstaHide(3), seed=0):  # noqa: B008 - frozen
    return defense.feed(IMAGES, LABELS, torch.Generator().manual_seed(seed))


def mixtures(labels):
    return (labels @ IMAGES.flatten(1)).reshape(IMAGES.shape)


@pytest.mark.parametrize("seed", range(5))
def test_pixels_are_those_of_the_mixture_or_mirrored(seed):
    images, labels = fed(seed=seed)
    mixed = mixtures(labels)
    plain, mirrored = (images - mixed).abs() < 1e-6, (images - (1 - mixed)).abs() < 1e-6
    assert (plain | mirrored).all()
    assert float(mirrored.double().mean()) == pytest.approx(0.5, abs=0.04)
    assert 0 <= float(images.min()) <= float(images.max()) <= 1


@pytest.mark.parametrize("count", [2, 3, 6])
def test_so_many_images_are_mixed_and_none_beyond_the_bound(count):
    _, labels = fed(InstaHide(count, 0.65))
    torch.testing.assert_close(labels.sum(1), torch.ones(6))
    assert ((labels > 0).sum(1) == count).all()
    assert float(labels.max()) <= 0.65
    assert (labels.diagonal() > 0).all()


@pytest.mark.parametrize(("centre", "expected"), [(0.1, (-0.8, 1.0)), (0.5, (0.0, 1.0)), (0.9, (0.0, 1.8))])
def test_pixels_are_mirrored_at_the_centre(centre, expected):
    defense = InstaHide(2, centre=centre)
    images, labels = fed(defense)
    torch.testing.assert_close((images - centre).abs(), (mixtures(labels) - centre).abs())
    assert defense.value_range == pytest.approx(expected)
    assert expected[0] <= float(images.min()) <= float(images.max()) <= expected[1]


def test_a_batch_too_small_for_a_mixture_is_refused():
    with pytest.raises(DefenseError, match="6 examples make no mixture of 7"):
        fed(InstaHide(7))


@pytest.mark.parametrize(
    ("knobs", "problem"),
    [((1,), "no mixture"), ((4, 0.25), "raise the bound"), ((2, 1.5), "raise"), ((2, 0.7, -0.1), "no pixel")],
)
def test_impossible_knobs_are_refused(knobs, problem):
    with pytest.raises(DefenseError, match=problem):
        InstaHide(*knobs)
