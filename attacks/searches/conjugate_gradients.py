"""Systems of equations known by their products."""

from collections.abc import Callable

import torch
from torch import Tensor

Product = Callable[[Tensor], Tensor]
"""From vectors (d,) to vectors (d,); linear, symmetric."""

_WINDOW, _SHARE, _PROGRESS = 10, 0.1, 5e-4
"""Progress is judged over this many products, or this share of all so far; each must bring such a share."""

_SOLVED = 1e-14
"""Residuals of this share of the right side are rounding."""


def conjugate_gradients(product: Product, right: Tensor, products: int) -> Tensor | None:
    """An approximate solution (d,) of A x = right, from zero; None if A is not positive along right.

    Stops where the quadratic x^T A x / 2 - x^T right hardly falls any more, and before a direction in which
    A is not positive. Every solution lowers the quadratic.

    Source: Hestenes and Stiefel 1952; when to stop, Martens 2010 (ICML), section 4.4.
    """
    solution, residual, direction = torch.zeros_like(right), right.clone(), right.clone()
    size = residual @ residual
    enough = _SOLVED**2 * float(size)
    values: list[float] = []
    while len(values) < products and not _stalled(values) and float(size) > enough:
        moved = product(direction)
        curvature = direction @ moved
        if not bool(curvature > 0):
            return solution if values else None
        solution += size / curvature * direction
        residual -= size / curvature * moved
        values.append(-float(solution @ (right + residual)) / 2)
        size, before = residual @ residual, size
        direction = residual + size / before * direction
    return solution


def _stalled(values: list[float]) -> bool:
    window = max(_WINDOW, int(_SHARE * len(values)))
    if len(values) <= window:
        return False
    return not values[-1 - window] - values[-1] >= window * _PROGRESS * abs(values[-1])
