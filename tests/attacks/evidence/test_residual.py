"""One residual for everybody who asks how well a reconstruction explains the readings."""

import math
from dataclasses import replace

import pytest
import torch

from attacks import GradientMatching, Ranking, Stage, certify, readable, residual, targets_of
from tests.attacks.cases import CLIENT, generator, images_of, mlp, seen, update_of

LABELS = torch.tensor([2])


@pytest.fixture(scope="module")
def model():
    return mlp()


@pytest.fixture(scope="module")
def evidence(model):
    hidden = range(0, model.layout.size, 3)
    return readable(seen(model, update_of(model, images_of(model), [2]), hidden), CLIENT, model)


@pytest.fixture(scope="module")
def targets(model, evidence):
    return targets_of([evidence], model.layout)


def test_it_is_the_weighted_distance_over_the_norm_of_the_readings(model, evidence, targets):
    other = 1 - images_of(model)
    errors = (model.gradient(other, LABELS) - evidence.values)[evidence.mask].double()
    found = residual(model, other, LABELS, targets)
    assert found.error == pytest.approx(float(errors.square().sum()), rel=1e-5)
    assert found.relative == pytest.approx(
        float(errors.norm() / evidence.values[evidence.mask].norm()), rel=1e-5
    )
    assert found.read == int(evidence.mask.sum())


def test_the_truth_is_explained_to_float_precision(model, targets):
    assert residual(model, images_of(model), LABELS, targets).relative < 1e-6


def test_readings_of_zero_are_explained_by_a_gradient_of_zero_only(model, evidence):
    silent = targets_of([replace(evidence, values=torch.zeros_like(evidence.values))], model.layout)
    assert residual(model, images_of(model), LABELS, silent).relative == math.inf


def test_a_certificate_holds_the_same_residual(model, targets):
    other = 1 - images_of(model)
    certificate = certify(model, other, LABELS, targets)
    assert certificate.relative_residual == residual(model, other, LABELS, targets).relative


def test_a_certificate_is_about_the_images_that_are_returned(model):
    """Starts outside the value range are clamped before anything is said about them."""
    observation = seen(model, update_of(model, images_of(model), [2]))
    narrow = replace(observation, knowledge=replace(observation.knowledge, value_range=(0.4, 0.6)))
    attack = GradientMatching(stages=(Stage(Ranking()),), restarts=1, certify=True)
    found = attack.reconstruct(narrow, model, client=CLIENT, rng=generator())
    targets = targets_of([readable(narrow, CLIENT, model)], model.layout)
    expected = residual(model, torch.from_numpy(found.images), LABELS, targets).relative
    assert found.certificate.relative_residual == expected
