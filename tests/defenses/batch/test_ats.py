"""ATS against the authors' own way with Pillow, and its scores against one gradient at a time."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from gradveil.defenses import ATS, DefenseError, Judges, search_policies
from gradveil.defenses.batch.ats import parsed, transformed
from gradveil.defenses.batch.policy_search import accuracy_score, privacy_score
from gradveil.defenses.batch.transformations import LIBRARY, Transformation
from gradveil.models import build

SIZE = 12
PIXELS = np.random.default_rng(0).integers(256, size=(2, SIZE, SIZE, 3), dtype=np.uint8)
COLOURS = torch.from_numpy(PIXELS).permute(0, 3, 1, 2).float() / 255
GRAYS = COLOURS[:, :1]


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def applied(number, images=COLOURS, seed=0):
    """Pixels (N, H, W, C) after one transformation."""
    found = transformed(images, (number,), rng(seed))
    assert found.shape == images.shape
    return (found * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def number_of(kind, level):
    return LIBRARY.index(Transformation(kind, level))


def test_published_numbers_name_the_published_transformations():
    assert len(LIBRARY) == 50
    names = [(LIBRARY[n].kind, LIBRARY[n].level) for policy in parsed(ATS().policies) for n in policy]
    assert names[:3] == [("translateX", 9), ("contrast", 6), ("translateY", 2)]
    assert names[3:] == [("translateY", 3), ("contrast", 7), ("contrast", 7)]
    assert [LIBRARY[n].kind for n in (21, 13, 3)] == ["translateX", "brightness", "translateX"]


@pytest.mark.parametrize(
    ("kind", "level", "expected"),
    [
        ("invert", 0, 255 - PIXELS),
        ("posterize", 5, PIXELS & 0b11111100),
        ("solarize", 4, np.where(PIXELS < 143, PIXELS, 255 - PIXELS)),
        ("solarize", 0, PIXELS),
    ],
)
def test_tables_of_values(kind, level, expected):
    assert np.array_equal(applied(number_of(kind, level)), expected)


@pytest.mark.parametrize(
    ("kind", "operation"), [("equalize", ImageOps.equalize), ("autocontrast", ImageOps.autocontrast)]
)
def test_histograms_are_evened_out_image_by_image(kind, operation):
    expected = [np.asarray(operation(Image.fromarray(one))) for one in PIXELS]
    assert np.array_equal(applied(number_of(kind, 5)), np.stack(expected))


def test_shifts_go_either_way_and_leave_black_behind():
    shift = round(SIZE * 150 / 331 * 5 / 9)
    found = {seed: applied(number_of("translateX", 5), seed=seed)[0] for seed in range(8)}
    left = np.pad(PIXELS[0], ((0, 0), (0, shift), (0, 0)))[:, shift:]
    right = np.pad(PIXELS[0], ((0, 0), (shift, 0), (0, 0)))[:, :-shift]
    ways = [(np.array_equal(one, left), np.array_equal(one, right)) for one in found.values()]
    assert set(ways) == {(True, False), (False, True)}


def test_rotations_leave_gray_behind():
    assert (applied(number_of("rotate", 2), torch.zeros(1, 3, 40, 40)) == 128).any()
    assert set(np.unique(applied(number_of("rotate", 2), torch.zeros(1, 1, 40, 40)))) == {0, 128}


@pytest.mark.parametrize("images", [COLOURS, GRAYS], ids=["colour", "gray"])
@pytest.mark.parametrize("number", range(len(LIBRARY)))
def test_every_transformation_keeps_to_the_box(images, number):
    found = transformed(images, (number,), rng(number))
    assert 0 <= float(found.min()) <= float(found.max()) <= 1
    assert torch.equal(found, transformed(images, (number,), rng(number)))


def test_gains_are_half_or_one_and_a_half_at_most():
    bright = number_of("brightness", 9)
    found = {float(applied(bright, GRAYS, seed).mean() / (GRAYS.mean() * 255)) for seed in range(8)}
    assert min(found) == pytest.approx(0.5, abs=0.01)
    assert 1.2 < max(found) < 1.5  # saturated


def test_each_image_goes_its_own_way_and_labels_stay():
    images, labels = GRAYS[:1].repeat(12, 1, 1, 1), torch.eye(12)
    fed, same = ATS("29+28").feed(images, labels, rng())
    assert same is labels
    kinds = [torch.equal(one, GRAYS[0]) for one in fed]
    assert set(kinds) == {True, False}


@pytest.mark.parametrize("policies", ["", "3-", "a", "3-1,7", "50", "-3"])
def test_what_is_no_policy_is_refused(policies):
    with pytest.raises(DefenseError, match=r"is no policy|numbered from 0 to 49"):
        ATS(policies)


def test_images_without_colours_are_refused():
    with pytest.raises(DefenseError, match="2 channels"):
        ATS().feed(COLOURS[:, :2], torch.eye(2), rng())


NETWORK = build("cnn", (1, 8, 8), 10, seed=0).eval()
IMAGES, LABELS = torch.rand(4, 1, 8, 8, generator=rng()), torch.tensor([0, 1, 2, 3])


def gradients(image, label):
    loss = torch.nn.functional.cross_entropy(NETWORK(image[None]), label[None])
    return torch.autograd.grad(loss, list(NETWORK.parameters()))


def test_privacy_is_the_mean_cosine_on_the_way_from_noise():
    noise = torch.rand(IMAGES.shape, generator=rng(1))
    totals = []
    for image, start, label in zip(IMAGES, noise, LABELS, strict=True):
        last = gradients(image, label)
        cosines = []
        for step in range(5):
            now = gradients(start + step / 4 * (image - start), label)
            each = [
                torch.cosine_similarity(a.flatten(), b.flatten(), dim=0)
                for a, b in zip(now, last, strict=True)
            ]
            cosines.append(float(torch.stack(each).mean()))
        totals.append((sum(cosines[:4]) + sum(cosines[1:])) / 8)
    assert privacy_score(NETWORK, IMAGES, LABELS, rng(1), bins=4) == pytest.approx(np.mean(totals), abs=1e-5)


def test_images_that_a_network_cannot_tell_apart_score_low():
    apart = accuracy_score(NETWORK, IMAGES)
    assert -3 < apart <= -1
    assert accuracy_score(NETWORK, IMAGES[:1].repeat(4, 1, 1, 1)) < -1e4


def test_the_search_keeps_the_least_telling_policies_that_are_accurate_enough():
    judges = Judges(NETWORK, NETWORK, IMAGES, LABELS)
    every = search_policies(judges, 20, 20, -float("inf"), rng())
    best = search_policies(judges, 20, 3, -3.0, rng())
    assert len(every) == 20
    assert [one.privacy for one in every] == sorted(one.privacy for one in every)
    assert best == [one for one in every if one.accuracy >= -3.0][:3]
    assert ATS("+".join(one.policy for one in best)).policies.count("+") == 2


def test_a_search_without_a_fit_policy_says_so():
    with pytest.raises(DefenseError, match=r"no policy reaches accuracy -0\.5"):
        search_policies(Judges(NETWORK, NETWORK, IMAGES, LABELS), 2, 1, -0.5, rng())
