"""The length of an input whose direction is known: the one unknown that a layer without bias leaves."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from attacks.evidence import Evidence
from attacks.exact.misfit import misfit
from attacks.labels import LabelCandidates
from attacks.model import Model

_POINTS, _ROUNDS = 65, 7
"""A round narrows the interval 32-fold; seven reach the rounding of float32 and beyond."""

_ROOM = 1e-3
"""By how much of itself the interval is widened: the brightest pixel may lie on the bound, after rounding."""


def allowed(direction: Tensor, value_range: tuple[float, float]) -> tuple[float, float]:
    """Smallest and largest s, of any sign, with every entry of s times the direction (n,) in the range."""
    entries = direction[direction.abs() > torch.finfo(direction.dtype).eps * direction.abs().max()]
    ends = torch.tensor(value_range, dtype=direction.dtype)[:, None] / entries
    lowest, highest = float(ends.amin(0).max()), float(ends.amax(0).min())
    return lowest - _ROOM * abs(lowest), highest + _ROOM * abs(highest)


def zoomed(objective: Callable[[Tensor], Tensor], lowest: float, highest: float) -> tuple[float, float]:
    """The best number in an interval and its value under an objective (N,) -> (N,), by ever finer grids."""
    best, value = lowest, float("inf")
    for _ in range(_ROUNDS):
        grid = torch.linspace(lowest, highest, _POINTS, dtype=torch.float64)
        values = objective(grid).nan_to_num(nan=float("inf"))
        at = int(values.argmin())
        best, value = float(grid[at]), float(values[at])
        lowest, highest = float(grid[max(at - 1, 0)]), float(grid[min(at + 1, _POINTS - 1)])
    return best, value


def scaled_to_readings(
    image: Tensor,
    evidence: Evidence,
    candidates: LabelCandidates,
    model: Model,
    value_range: tuple[float, float],
) -> tuple[Tensor, int, float]:
    """The multiple of an image (*input_shape) that explains the readings best, its label, and how badly.

    Every multiple in the value range is a candidate, under every label; the misfit is the squared error over
    the squared readings.
    """
    image = image.double()

    def at(scales: Tensor, labels: Sequence[int]) -> Tensor:
        images = scales.to(image.device).reshape(-1, 1, *(1,) * image.ndim) * image
        classes = torch.tensor([labels], device=image.device).expand(len(images), 1)
        return misfit(images, classes, evidence, model).cpu()

    ends = allowed(image.flatten().cpu(), value_range)
    found = [(zoomed(partial(at, labels=one), *ends), one) for one in candidates]
    (scale, error), labels = min(found, key=lambda each: each[0][1])
    return (scale * image).float(), labels[0], error
