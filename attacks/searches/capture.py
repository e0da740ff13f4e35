"""A step of a search, recorded once as a CUDA graph and replayed without launching its kernels one by one."""

import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Step = Callable[[], None]
"""Reads and writes tensors that stay where they are, in place."""

_WARM_UP = 3
"""Steps before recording, as torch's notes on CUDA graphs ask: libraries choose and allocate meanwhile."""


def captured(step: Step, state: Sequence[Tensor]) -> Step:
    """The step as a CUDA graph if its state lives on a CUDA device; else the step itself.

    Args:
        step: what to repeat; must not synchronise with the host.
        state: every tensor that the step writes; left with the values it has.

    Warns:
        RuntimeWarning: the step cannot be captured; it runs as it is, which is slower.
    """
    if not state[0].is_cuda:
        return step
    before = [tensor.clone() for tensor in state]
    try:
        return _recorded(step, state[0].device)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        warnings.warn(f"no CUDA graph of this search, it runs slower: {reason}", RuntimeWarning, stacklevel=2)
        return step
    finally:
        for tensor, value in zip(state, before, strict=True):
            tensor.copy_(value)


def _recorded(step: Step, device: torch.device) -> Step:
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        for _ in range(_WARM_UP):
            step()
    torch.cuda.current_stream(device).wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay
