"""Objectives with known minima."""

import torch
from hypothesis import strategies as st

from tests.attacks.cases import generator

F64 = torch.float64
SEEDS = st.integers(0, 2**32 - 1)


def normal(*shape, rng):
    return torch.randn(*shape, generator=rng, dtype=F64)


def convex(seed, size, condition):
    """A quadratic with random axes, curvatures from 1 to `condition` and a random minimum of 0."""
    rng = generator(seed)
    axes = torch.linalg.qr(normal(size, size, rng=rng)).Q
    hessian = axes @ torch.diag(torch.logspace(0, condition, size, dtype=F64)) @ axes.T
    minimum = normal(size, rng=rng)

    def objective(points, progress=1.0):
        error = points - minimum
        return 0.5 * ((error @ hessian) * error).sum(1), error @ hessian

    return objective, 3 * normal(3, size, rng=rng)


def by_autograd(function):
    """An objective from a function of points (R, d) to values (R,)."""

    def objective(points, progress=1.0):
        points = points.detach().requires_grad_()
        values = function(points)
        return values.detach(), torch.autograd.grad(values.sum(), points)[0]

    return objective


def rosenbrock(points):
    left, right = points[:, :-1], points[:, 1:]
    return (100 * (right - left.square()).square() + (1 - left).square()).sum(1)


def waves(points):
    """Smooth, with many local minima."""
    return (points.square() / 10 + torch.cos(3 * points)).sum(1) + 2 * points.shape[1]


class Counted:
    """An objective that counts its evaluations and remembers the progress at each."""

    def __init__(self, objective):
        self.objective, self.progress = objective, []

    def __call__(self, points, progress=1.0):
        self.progress.append(float(progress))
        return self.objective(points, progress)

    @property
    def calls(self):
        return len(self.progress)
