"""A captured step does what the step does."""

import pytest
import torch

from attacks.searches import Adam, Exponential
from attacks.searches.capture import captured
from tests.attacks.cases import generator
from tests.attacks.searches.cases import by_autograd, waves

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need a CUDA device")


def test_a_step_on_the_cpu_is_the_step_itself():
    state = torch.zeros(2)
    step = captured(lambda: state.add_(1), [state])
    assert not state.any()
    step()
    assert torch.equal(state, torch.ones(2))


@needs_cuda
def test_a_graph_steps_as_often_as_it_is_called():
    state = torch.zeros(2, device="cuda")
    step = captured(lambda: state.add_(1), [state])
    assert not state.any()
    for _ in range(5):
        step()
    assert torch.equal(state.cpu(), torch.full((2,), 5.0))


@needs_cuda
def test_a_captured_search_ends_where_one_on_the_cpu_does():
    starts = torch.randn(4, 3, generator=generator())
    search = Adam(20, 0.1, Exponential(0.97))
    points, values = search.minimise(by_autograd(waves), starts)
    on_device, device_values = search.minimise(by_autograd(waves), starts.cuda())
    torch.testing.assert_close(on_device.cpu(), points, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(device_values.cpu(), values, atol=1e-4, rtol=1e-4)


@needs_cuda
def test_a_step_that_cannot_be_captured_runs_as_it_is_and_says_so():
    state = torch.zeros(2, device="cuda")

    def step():
        state.add_(1 + 0 * state.sum().item())

    with pytest.warns(RuntimeWarning, match="no CUDA graph"):
        step = captured(step, [state])
    step()
    assert torch.equal(state.cpu(), torch.ones(2))
