"""Evidence is computed from what was read, and right where the answer is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from attacks import Certificate, Found
from gradveil.inspection import evidence_of
from tests.attacks.cases import CLIENT, images_of, mlp, seen, update_of

HIDDEN = range(0, 60)


@pytest.fixture(scope="module")
def model():
    return mlp()


@pytest.fixture(scope="module")
def images(model):
    return images_of(model, count=2)


@pytest.fixture(scope="module")
def observation(model, images):
    return seen(model, update_of(model, images, [2, 0]), hidden=HIDDEN)


def found(images, labels=(2, 0)):
    return Found(images.numpy(), labels, (CLIENT,), 0.0)


def test_the_truth_leaves_no_residual(model, observation, images):
    assert evidence_of(model, observation, found(images))["relative_residual"] < 1e-6


def test_the_residual_is_the_distance_over_the_norm_of_the_readings(model, observation, images):
    other = images.flip(0)
    target, gradient = (model.gradient(i, torch.tensor([2, 0])).numpy()[60:] for i in (images, other))
    expected = np.linalg.norm(gradient - target) / np.linalg.norm(target)
    assert evidence_of(model, observation, found(other))["relative_residual"] == pytest.approx(
        expected, rel=1e-4
    )


def test_hidden_coordinates_do_not_count(model, images):
    """A reading that is wrong everywhere is right where it is not read."""
    update = update_of(model, images, [2, 0])
    update.vector[: len(HIDDEN)] += 1
    spoilt = seen(model, update, hidden=HIDDEN)
    assert evidence_of(model, spoilt, found(images))["relative_residual"] < 1e-6


def test_shares_are_of_all_coordinates(model, images):
    update = update_of(model, images, [2, 0])
    update.vector[50:70] = 0
    shares = evidence_of(model, seen(model, update, hidden=HIDDEN), found(images))
    size = model.layout.size
    assert shares["readable"] == pytest.approx((size - 60) / size)
    assert shares["readable_nonzero"] == pytest.approx((size - 70) / size)


def test_without_labels_there_is_no_residual(model, observation, images):
    assert evidence_of(model, observation, found(images, labels=None))["relative_residual"] is None


def test_an_update_of_zeros_explains_nothing(model, images):
    update = update_of(model, images, [2, 0])
    update.vector[:] = 0
    assert evidence_of(model, seen(model, update), found(images))["relative_residual"] is None


def test_the_attacks_own_certificate_is_taken_and_no_second_one_made(model, observation, images, monkeypatch):
    own = Certificate(rank=7, dimension=72, relative_residual=0.5, psnr=12.5)
    monkeypatch.setattr("gradveil.inspection.evidence.certify", forbidden)
    evidence = evidence_of(model, observation, replace(found(images), certificate=own))
    assert (evidence["visible_rank"], evidence["expected_psnr"], evidence["certified"]) == (7, 12.5, False)


def test_an_attack_without_a_certificate_gets_one(model, observation, images):
    assert evidence_of(model, observation, found(images))["pixels"] == 72
    assert evidence_of(model, observation, found(images))["visible_rank"] is not None


def forbidden(*_):
    raise AssertionError("a second certificate was made")
