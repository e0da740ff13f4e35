"""Synthetic examples whose gradient is mixed in."""

import numpy as np
import pytest
import torch

from gradveil.defenses import ConcealedSamples, DefenseError, Work
from gradveil.exchange import Update
from tests.laws.clients import MODEL, batch

IMAGES, LABELS = batch("ann")
TRUE = MODEL.gradient(IMAGES, LABELS).numpy() / len(IMAGES)
WORK = Work(MODEL.network, IMAGES, LABELS)


def mixed(defense, labels=LABELS, seed=0):
    work = Work(MODEL.network, IMAGES, labels)
    update = Update(MODEL.layout, TRUE, len(IMAGES))
    return defense.apply(update, work, np.random.default_rng(seed)).vector


def cosine(one, other):
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_unmoved_it_is_the_mean_over_the_batch_and_noise_of_other_classes():
    draw = torch.Generator().manual_seed(int(np.random.default_rng(0).integers(2**62)))
    shift = torch.randint(1, 10, (len(IMAGES),), generator=draw)
    classes = torch.nn.functional.one_hot((LABELS.argmax(1) + shift) % 10, 10).float()
    noise = torch.randn(IMAGES.shape, generator=draw)
    foreign = MODEL.gradient(noise, classes).numpy() / len(IMAGES)
    assert not (classes * LABELS).any()
    expected = (TRUE + foreign) / 2
    assert expected @ TRUE > 0
    np.testing.assert_allclose(mixed(ConcealedSamples(0)), expected, atol=1e-6)


def test_moving_the_images_turns_their_gradient_to_the_batchs():
    foreign = [2 * mixed(ConcealedSamples(steps)) - TRUE for steps in (0, 60)]
    assert cosine(foreign[1], TRUE) > cosine(foreign[0], TRUE) + 0.1


@pytest.mark.parametrize("seed", range(4))
def test_what_is_sent_never_opposes_the_batch(seed):
    assert mixed(ConcealedSamples(1), seed=seed) @ TRUE > -1e-6


def test_classes_are_as_good_as_their_probabilities():
    sent = [mixed(ConcealedSamples(2), labels) for labels in (LABELS, LABELS.argmax(1))]
    assert np.array_equal(*sent)


@pytest.mark.parametrize("knobs", [(-1,), (1, 0.0), (1, 0.1, -1.0), (1, 0.1, 0.0, -1.0)])
def test_impossible_knobs_are_refused(knobs):
    with pytest.raises(DefenseError, match="must not be negative"):
        ConcealedSamples(*knobs)
