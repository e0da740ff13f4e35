"""L-BFGS: an exact search direction, many starts at once, and a way back from overflow."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attacks import LBFGS
from attacks.searches.lbfgs import _inverse_hessian_times
from tests.attacks.cases import generator
from tests.attacks.searches.cases import F64, SEEDS, Counted, by_autograd, convex, normal, rosenbrock, waves


@given(SEEDS, st.integers(1, 12), st.floats(0, 2))
def test_it_converges_on_convex_quadratics(seed, size, condition):
    objective, starts = convex(seed, size, condition)
    _, values = LBFGS(iterations=200).minimise(objective, starts)
    assert (values <= 1e-10 * objective(starts)[0]).all()


@pytest.mark.parametrize("size", [2, 4])
def test_it_converges_on_rosenbrock(size):
    starts = torch.tensor([[-1.2, 1.0], [0.0, 0.0], [2.0, -1.0]], dtype=F64).repeat(1, size // 2)
    points, values = LBFGS().minimise(by_autograd(rosenbrock), starts)
    torch.testing.assert_close(points, torch.ones_like(points), atol=1e-5, rtol=0)
    assert (values < 1e-10).all()


@given(SEEDS)
def test_no_start_ends_worse_than_it_began(seed):
    objective = by_autograd(waves)
    starts = 5 * normal(4, 3, rng=generator(seed))
    points, values = LBFGS(iterations=20).minimise(objective, starts)
    assert (values <= objective(starts)[0]).all()
    assert torch.equal(values, objective(points)[0])


@pytest.mark.parametrize("function", [rosenbrock, waves])
def test_a_start_in_a_batch_ends_where_it_ends_alone(function):
    search, starts = LBFGS(iterations=25), normal(5, 4, rng=generator())
    together, _ = search.minimise(by_autograd(function), starts)
    alone = [search.minimise(by_autograd(function), start[None])[0] for start in starts]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-7, rtol=1e-7)


def walled(bad, falls):
    """A barrier x - log x with its minimum at 1, and a wall at 0.05 behind which the value is `bad`."""

    def function(points):
        safe = points.clamp_min(0.05)
        inside = (points > 0.05).all(1)
        falls.append(int((~inside).sum()))
        return torch.where(inside, 50 * (safe - safe.log()).sum(1), bad)

    return by_autograd(function)


@pytest.mark.parametrize("bad", [torch.inf, torch.nan, 1e9])
def test_it_comes_back_from_an_overflow(bad):
    falls, starts = [], torch.tensor([[3.0], [0.06]], dtype=F64)
    points, values = LBFGS().minimise(walled(bad, falls), starts)
    assert sum(falls) > 0, "no step left the domain, so nothing was tested"
    torch.testing.assert_close(points, torch.ones_like(points), atol=1e-4, rtol=0)
    assert torch.isfinite(values).all()


@pytest.mark.parametrize("bad", [torch.inf, torch.nan])
def test_it_comes_back_from_repeated_overflows(bad):
    points, _ = LBFGS().minimise(walled(bad, []), torch.tensor([[8.0], [5.0]], dtype=F64))
    torch.testing.assert_close(points, torch.ones_like(points), atol=1e-4, rtol=0)


def test_it_comes_back_from_a_broken_gradient():
    def objective(points):
        error = points - 1
        return 5 * error.square().sum(1), torch.where(points.abs() > 4, torch.nan, 10 * error)

    starts = torch.tensor([[-3.9], [0.5]], dtype=F64)
    points, _ = LBFGS().minimise(objective, starts)
    torch.testing.assert_close(points, torch.ones_like(points), atol=1e-6, rtol=0)


def test_a_start_outside_the_domain_leaves_the_others_alone():
    objective = by_autograd(lambda points: (points - points.log()).sum(1))
    starts = torch.tensor([[-1.0], [2.0]], dtype=F64)
    points, values = LBFGS().minimise(objective, starts)
    assert points[1].item() == pytest.approx(1.0, abs=1e-6)
    assert values[1].item() == pytest.approx(1.0, abs=1e-9)


def test_negative_values_are_minimised_too():
    objective = by_autograd(lambda points: points.square().sum(1) - 100)
    points, _ = LBFGS().minimise(objective, torch.tensor([[3.0, -2.0]], dtype=F64))
    torch.testing.assert_close(points, torch.zeros_like(points), atol=1e-6, rtol=0)


def two_loops(pairs, scale, gradient):
    """H g by the recursion of Nocedal and Wright 2006, algorithm 7.4, oldest pair first."""
    q, alphas = gradient.clone(), []
    for s, y in reversed(pairs):
        alphas.append((s @ q) / (s @ y))
        q = q - alphas[-1] * y
    r = scale * q
    for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
        r = r + s * (alpha - (y @ r) / (s @ y))
    return r


@given(SEEDS, st.integers(2, 8), st.integers(0, 5), st.integers(0, 3))
def test_the_compact_form_is_the_two_loop_recursion(seed, size, pairs, empty):
    rng = generator(seed)
    root = normal(size, size, rng=rng)
    curvature = root @ root.T + torch.eye(size, dtype=F64)
    S = normal(pairs, size, rng=rng)
    Y = S @ curvature
    gradient, scale = normal(size, rng=rng), torch.rand((), generator=rng, dtype=F64) + 0.1
    unused = torch.zeros(empty, size, dtype=F64)
    found = _inverse_hessian_times(
        torch.cat((unused, S))[None], torch.cat((unused, Y))[None], scale[None], gradient[None]
    )
    expected = two_loops(list(zip(S, Y, strict=True)), scale, gradient)
    torch.testing.assert_close(found[0], expected, rtol=1e-6, atol=1e-6 * float(expected.abs().max()))


def test_empty_pairs_between_others_are_skipped():
    rng = generator()
    S = normal(2, 3, rng=rng)
    Y = S * torch.tensor([1.0, 2.0, 3.0], dtype=F64)
    gradient, scale, gap = normal(3, rng=rng), torch.tensor(0.7, dtype=F64), torch.zeros(1, 3, dtype=F64)
    S_gap, Y_gap = (torch.cat((rows[:1], gap, rows[1:]))[None] for rows in (S, Y))
    found = _inverse_hessian_times(S_gap, Y_gap, scale[None], gradient[None])
    torch.testing.assert_close(found[0], two_loops(list(zip(S, Y, strict=True)), scale, gradient))


def test_it_stops_once_nothing_improves():
    counted = Counted(by_autograd(lambda points: points.square().sum(1) + 1))
    LBFGS(iterations=500, stall_window=5).minimise(counted, torch.ones(2, 3, dtype=F64))
    assert counted.calls < 50


def test_it_goes_on_while_one_start_improves():
    counted = Counted(by_autograd(rosenbrock))
    starts = torch.tensor([[1.0, 1.0], [-1.2, 1.0]], dtype=F64)
    _, values = LBFGS(iterations=500, stall_window=15).minimise(counted, starts)
    assert values[1] < 1e-10


def test_iterations_bound_the_evaluations():
    counted = Counted(by_autograd(rosenbrock))
    LBFGS(iterations=7).minimise(counted, torch.zeros(1, 2, dtype=F64))
    assert counted.calls == 8


def test_the_starts_are_left_as_they_were():
    starts = torch.zeros(2, 2, dtype=F64)
    LBFGS(iterations=5).minimise(by_autograd(rosenbrock), starts)
    assert not starts.any()
