"""Sums of squares of linear functions, by derivatives."""

from collections.abc import Callable

import torch
from torch import Tensor

_CHUNK = 1 << 22
"""Elements of a batch of unit vectors."""


def descent(squares: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """Minus the gradients (N, n) of half of a sum of squares at points (N, n)."""
    points = points.detach().requires_grad_()
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(squares(points) / 2, points)
    return -slope


def curvature(squares: Callable[[Tensor], Tensor], origin: Tensor) -> Tensor:
    """Half the second derivative (n, n) of a sum of squares of linear functions."""
    size = origin.shape[1]
    constant = descent(squares, origin)[0]
    units = torch.eye(size, dtype=origin.dtype, device=origin.device)
    return torch.cat([constant - descent(squares, one) for one in torch.split(units, max(1, _CHUNK // size))])
