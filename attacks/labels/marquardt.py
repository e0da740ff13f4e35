"""Levenberg-Marquardt for many small problems at once."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import jacrev, vmap

Residuals = Callable[[Tensor, Tensor], Tensor]
"""Unknowns (n,) and the problem's constants to residuals (m,)."""

_FIRST_DAMPING, _LOWEST, _HIGHEST = 1e-2, 1e-12, 1e8
_SMALLER, _LARGER = 5.0, 4.0


def minimise(
    residuals: Residuals, points: Tensor, constants: Tensor, steps: int, enough: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Points (R, n) and their sums of squares (R,), never above those of the starts (R, n).

    Stops early when no sum of squares is above `enough`.

    Source: Marquardt 1963, with damping scaled by the diagonal of the normal matrix.
    """
    many, jacobian = vmap(residuals), vmap(jacrev(residuals))
    values = many(points, constants)
    squares, damping = values.square().sum(1), torch.full_like(points[:, 0], _FIRST_DAMPING)
    for _ in range(steps):
        if float(squares.max()) <= enough:
            break
        tried = points - _step(jacobian(points, constants), values, damping)
        tried_values = many(tried, constants)
        better = tried_values.square().sum(1) < squares
        points = torch.where(better[:, None], tried, points)
        values = torch.where(better[:, None], tried_values, values)
        squares = values.square().sum(1)
        damping = torch.where(better, damping / _SMALLER, damping * _LARGER).clamp(_LOWEST, _HIGHEST)
    return points, squares


def _step(jacobian: Tensor, values: Tensor, damping: Tensor) -> Tensor:
    normal = jacobian.mT @ jacobian
    diagonal = normal.diagonal(dim1=1, dim2=2).clamp_min(_LOWEST)
    damped = normal + torch.diag_embed(damping[:, None] * diagonal)
    steps: Tensor = torch.linalg.solve_ex(damped, jacobian.mT @ values[:, :, None])[0][:, :, 0]
    return steps
