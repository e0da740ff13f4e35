"""Second-order search, on quadratics where one step is enough and on the images it is for."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from attacks import (
    LBFGS,
    AttackError,
    Box,
    Cosine,
    Gaussian,
    GradientMatching,
    LevenbergMarquardt,
    NotApplicableError,
    Stage,
)
from gradveil.metrics import psnr
from tests.attacks.cases import CLIENT, generator, images_of, mlp, network, seen, update_of

F64 = torch.float64


@dataclass
class Valley:
    """(x - target)^T A (x - target) / 2, with a curvature that may be misstated."""

    matrix: torch.Tensor
    target: torch.Tensor
    stated: float = 1.0
    written: bool = True
    evaluations: int = 0

    def __call__(self, points, progress=1.0):
        self.evaluations += 1
        away = points - self.target
        return ((away @ self.matrix) * away).sum(1) / 2, away @ self.matrix

    def curvature(self, point):
        matrix = self.stated * self.matrix
        return matrix if self.written else lambda vector: matrix @ vector

    def precise(self, row, rows):
        return self


def valley(d=5, **settings):
    root = torch.randn(d, d, dtype=F64, generator=generator(2))
    return Valley(root @ root.T + 0.1 * torch.eye(d, dtype=F64), torch.arange(d, dtype=F64), **settings)


either = pytest.mark.parametrize("written", [True, False], ids=["matrix", "products"])


@either
def test_a_quadratic_takes_a_step_or_two(written):
    objective = valley(written=written)
    points, values = LevenbergMarquardt(iterations=3).minimise(objective, torch.zeros(2, 5, dtype=F64))
    torch.testing.assert_close(points, objective.target.expand(2, 5), atol=1e-4, rtol=0)
    assert (values < 1e-6).all()


def test_damping_makes_up_for_a_curvature_that_is_stated_too_small():
    objective = valley(stated=0.5)
    points, _ = LevenbergMarquardt(iterations=300, patience=20, tolerance=1e-6).minimise(
        objective, torch.zeros(1, 5, dtype=F64)
    )
    torch.testing.assert_close(points[0], objective.target, atol=1e-2, rtol=0)


def test_the_value_never_rises():
    objective = valley(stated=0.05)
    start = torch.zeros(1, 5, dtype=F64)
    for iterations in (1, 3, 9, 27):
        _, value = LevenbergMarquardt(iterations=iterations).minimise(objective, start)
        assert value <= objective(start)[0]


@either
def test_it_stops_where_nothing_is_left_to_gain(written):
    objective = valley(written=written)
    LevenbergMarquardt(iterations=1000, patience=3).minimise(objective, torch.zeros(1, 5, dtype=F64))
    assert objective.evaluations < 30


@either
def test_a_row_that_starts_at_its_minimum_stays_there(written):
    objective = valley(written=written)
    points, values = LevenbergMarquardt().minimise(objective, objective.target[None])
    assert torch.equal(points[0], objective.target)
    assert not values.any()


@either
def test_where_there_is_no_curvature_it_gives_up(written):
    objective = valley(stated=0.0, written=written)
    start = torch.zeros(1, 5, dtype=F64)
    points, _ = LevenbergMarquardt(iterations=20).minimise(objective, start)
    assert torch.equal(points, start)


@either
def test_a_curvature_that_is_not_finite_is_refused(written):
    objective = valley(stated=float("nan"), written=written)
    with pytest.raises(AttackError, match="finite"):
        LevenbergMarquardt().minimise(objective, torch.zeros(1, 5, dtype=F64))


def test_an_objective_without_curvature_is_refused():
    with pytest.raises(NotApplicableError, match="LBFGS"):
        LevenbergMarquardt().minimise(lambda points, progress=1.0: (points.sum(1), points), torch.zeros(1, 2))


ATTACK = GradientMatching(
    prior=Box(),
    stages=(
        Stage(LBFGS(iterations=30), keep=1),
        Stage(LBFGS(iterations=150)),
        Stage(LevenbergMarquardt(), likelihood=Gaussian(1e-7)),
    ),
    certify=True,
)


def attacked(attack, share):
    model = network("lenet", (1, 16, 16))
    images = images_of(model)
    update = update_of(model, images, [3])
    hidden = np.argsort(-np.abs(update.vector))[: round(share * update.vector.size)]
    found = attack.reconstruct(seen(model, update, hidden), model, client=CLIENT, rng=generator())
    return psnr(found.images, images.numpy())[0], found


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_it_goes_where_first_order_search_does_not_and_says_so(share):
    first, _ = attacked(replace(ATTACK, stages=ATTACK.stages[:2], certify=False), share)
    second, found = attacked(ATTACK, share)
    assert second > 85
    assert second > first + 10
    assert found.certificate.exact
    assert abs(found.certificate.psnr - second) < 20


def test_products_find_what_the_matrix_finds(monkeypatch):
    """The same composition where the matrix is not affordable, from the same first-order result."""
    written, found = attacked(replace(ATTACK, certify=False), 0.2)
    monkeypatch.setattr("attacks.posterior.affordable", lambda model, pixels: False)
    by_products, other = attacked(replace(ATTACK, certify=False), 0.2)
    assert min(written, by_products) > 85
    np.testing.assert_allclose(other.images, found.images, atol=1e-4)


def test_where_the_rank_is_short_it_stops_and_says_so():
    reached, found = attacked(ATTACK, 0.99)
    assert not found.certificate.unique
    assert not found.certificate.exact
    assert reached < 30


def test_likelihoods_that_are_no_squares_are_refused():
    model = mlp()
    attack = GradientMatching(likelihood=Cosine(), stages=(Stage(LevenbergMarquardt()),))
    with pytest.raises(NotApplicableError, match="Cosine"):
        attack.reconstruct(
            seen(model, update_of(model, images_of(model), [2])), model, client=CLIENT, rng=generator()
        )
