"""Adam: torch's own updates, many starts at once, the best iterate, and a way back from overflow."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from attacks import AttackError
from attacks.searches import Adam, Exponential, Milestones, steady
from tests.attacks.cases import generator
from tests.attacks.searches.cases import F64, SEEDS, Counted, by_autograd, convex, normal, rosenbrock, waves

SCHEDULERS = {
    "steady": (steady, lambda optimiser, steps: None),
    "milestones": (
        Milestones(),
        lambda optimiser, steps: torch.optim.lr_scheduler.MultiStepLR(
            optimiser, [steps * 3 // 8, steps * 5 // 8, steps * 7 // 8], gamma=0.1
        ),
    ),
    "exponential": (
        Exponential(0.94),
        lambda optimiser, steps: torch.optim.lr_scheduler.ExponentialLR(optimiser, 0.94),
    ),
}


def by_torch(function, start, steps, scheduler, signed, box):
    """The iterates of torch's Adam, one start alone."""
    point = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([point], lr=0.1)
    falling = scheduler(optimiser, steps)
    for _ in range(steps):
        yield point.detach().clone()
        optimiser.zero_grad()
        function(point[None]).sum().backward()
        if signed:
            point.grad.sign_()
        optimiser.step()
        if box is not None:
            point.data.clamp_(*box)
        if falling is not None:
            falling.step()
    yield point.detach().clone()


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize(("signed", "box"), [(False, None), (True, None), (True, (-0.3, 0.9))])
def test_every_start_follows_torchs_adam(name, signed, box):
    steps, starts = 40, normal(3, 4, rng=generator())
    starts = starts if box is None else starts.clamp(*box)
    schedule, scheduler = SCHEDULERS[name]
    visited = []

    def objective(points, progress=1.0):
        visited.append(points.clone())
        return by_autograd(rosenbrock)(points)

    Adam(steps, 0.1, schedule, signed, box).minimise(objective, starts)
    for row, start in enumerate(starts):
        expected = torch.stack(list(by_torch(rosenbrock, start, steps, scheduler, signed, box)))
        torch.testing.assert_close(torch.stack(visited)[:, row], expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("size", [1, 3, 6])
def test_it_converges_on_convex_quadratics(size):
    objective, starts = convex(size, size, 1.0)
    _, values = Adam(600, 0.3, Exponential(0.985)).minimise(objective, starts)
    assert (values <= 1e-4 * objective(starts)[0]).all()


@given(SEEDS, st.booleans())
def test_the_best_iterate_is_kept(seed, signed):
    starts, seen = 5 * normal(4, 3, rng=generator(seed)), []

    def objective(points, progress=1.0):
        values, gradients = by_autograd(waves)(points)
        seen.append(values)
        return values, gradients

    points, values = Adam(30, 0.5, signed=signed).minimise(objective, starts)
    assert torch.equal(values, torch.stack(seen).min(0).values)
    assert torch.equal(values, by_autograd(waves)(points)[0])


def test_progress_goes_from_nothing_to_all():
    counted = Counted(by_autograd(waves))
    Adam(4).minimise(counted, torch.ones(1, 2, dtype=F64))
    assert counted.progress == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_values_of_an_annealed_search_are_those_of_the_final_objective():
    """Gradients pull to 3 first and to 0 later; only the final objective judges."""

    def objective(points, progress=1.0):
        goal = torch.where(torch.as_tensor(progress) < 0.5, 3.0, 0.0)
        return points.square().sum(1), 2 * (points - goal)

    points, values = Adam(200, 0.1).minimise(objective, torch.full((1, 1), 2.0, dtype=F64))
    assert abs(points.item()) < 0.1
    assert values.item() == pytest.approx(points.item() ** 2)


@pytest.mark.parametrize("bad", [torch.inf, torch.nan])
def test_a_start_comes_back_from_an_overflow_and_leaves_the_others_alone(bad):
    falls = []

    def function(points):
        safe, inside = points.clamp_min(0.05), (points > 0.05).all(1)
        falls.append(int((~inside).sum()))
        return torch.where(inside, 50 * (safe - safe.log()).sum(1), bad)

    starts = torch.tensor([[0.4], [3.0]], dtype=F64)
    search = Adam(400, 0.5, Exponential(0.99))
    points, values = search.minimise(by_autograd(function), starts + 0)
    alone, _ = search.minimise(by_autograd(function), starts[1:])
    assert torch.isfinite(values).all()
    torch.testing.assert_close(points[1:], alone, rtol=0, atol=0)
    torch.testing.assert_close(points, torch.ones_like(points), atol=1e-2, rtol=0)


def test_a_broken_gradient_sends_a_start_back_to_its_best():
    def objective(points, progress=1.0):
        visited.append(points.item())
        broken = points.abs() < 1
        return points.square().sum(1), torch.where(broken, torch.nan, 2 * points)

    visited = []
    points, values = Adam(20, 0.4).minimise(objective, torch.tensor([[2.0]], dtype=F64))
    assert min(abs(one) for one in visited) < 1, "it never met the broken gradient"
    assert 1 <= points.item() < 2
    assert values.item() == points.item() ** 2


def test_a_start_that_is_never_finite_ends_where_it_began_with_an_infinite_value():
    def objective(points, progress=1.0):
        return points.sum(1) * torch.nan, points

    points, values = Adam(3).minimise(objective, torch.ones(1, 2, dtype=F64))
    assert torch.equal(points, torch.ones(1, 2, dtype=F64))
    assert values.item() == torch.inf


class _Unsynchronised(TorchDispatchMode):
    """Fails where the host would wait for the device."""

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        assert function is not torch.ops.aten._local_scalar_dense.default, "a tensor was read by the host"
        return function(*arguments, **(keywords or {}))


@pytest.mark.parametrize(
    "schedule", [steady, Milestones(), Exponential(0.9)], ids=["steady", "fall", "decay"]
)
def test_the_loop_never_waits_for_the_device(schedule):
    starts = normal(2, 3, rng=generator())
    with pytest.raises(AssertionError, match="read by the host"), _Unsynchronised():
        starts.sum().item()
    with _Unsynchronised():
        Adam(3, 0.1, schedule, signed=True, box=(-1.0, 1.0)).minimise(by_autograd(waves), starts)


def test_the_starts_are_left_as_they_were():
    starts = torch.ones(2, 2, dtype=F64)
    Adam(5).minimise(by_autograd(waves), starts)
    assert torch.equal(starts, torch.ones(2, 2, dtype=F64))


@pytest.mark.parametrize(
    "settings", [{"iterations": 0}, {"learning_rate": 0.0}, {"learning_rate": torch.nan}, {"box": (1.0, 0.0)}]
)
def test_settings_that_cannot_work_are_refused(settings):
    with pytest.raises(AttackError):
        Adam(**settings)
