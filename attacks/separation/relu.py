"""The inputs of a linear layer before a ReLU, example by example, from the sum of their gradients."""

import torch
from torch import Tensor

_ROUNDS = 20
_HALF = 0.5
"""Between 0, where a unit is off, and 1, where it is on."""

_OFF = 1e-5
"""Share of the largest activation up to which rounding explains one that is zero."""

_APART = 1e-3
"""Least singular value of the unit directions; below it two examples took the same one."""

_CONSISTENT = 1e-4
"""Distance of unit vectors, one in each space, up to which float32 rounding explains it, as a share of the
distance of the next pair: rounding turns the direction by this share towards it."""


def inputs_before_relu(activations: Tensor, weight: Tensor, sums: Tensor) -> tuple[Tensor, Tensor] | None:
    """Inputs (B, m) and deltas (B, n) of the layer z = V a + c; None if no pattern of units is consistent.

    The layer's gradient is G = sum_b d_b (a_b, 1)^T with d_b = [z_b > 0] W^T delta_b, where delta_b is the
    gradient at the next layer's output and W its weight. Every d_b lies in the column space of G, of
    dimension B, and, given which units are active, in the K - 1 dimensions that W^T delta_b can take there:
    one direction is left. The units on which it does not vanish are the active ones again, until both
    agree; this forgives a rough start. The ones give the scale.

    Args:
        activations: inputs (B, n) of the next layer; errors show in entries below zero.
        weight: W, (K, n).
        sums: G, (n, m + 1), biases last.
    """
    columns = torch.linalg.svd(sums, full_matrices=False).U[:, : len(activations)]
    reachable = weight.T @ _sum_free(len(weight))
    found = [_direction(one, reachable, columns) for one in activations]
    if any(direction is None for direction in found):
        return None
    directions = torch.stack([direction for direction in found if direction is not None])
    if float(torch.linalg.svdvals(directions)[-1]) < _APART:
        return None
    inputs = torch.linalg.lstsq(directions.T, sums).solution
    return inputs[:, :-1] / inputs[:, -1:], directions * inputs[:, -1:]


def _direction(activation: Tensor, reachable: Tensor, columns: Tensor) -> Tensor | None:
    """The direction (n,) in the column space that one pattern of active units allows; None if not unique."""
    active = activation > torch.maximum(-activation.min(), _OFF * activation.max())
    for _ in range(_ROUNDS):
        if int(active.sum()) <= reachable.shape[1]:
            return None
        orthonormal, triangular = torch.linalg.qr(active[:, None] * reachable)
        left, cosines, right = torch.linalg.svd(columns.T @ orthonormal, full_matrices=False)
        direction = columns @ left[:, 0]
        everywhere = (
            reachable @ torch.linalg.solve_triangular(triangular, right[0][:, None], upper=True)[:, 0]
        )
        before, active = active, direction / everywhere > _HALF
        if torch.equal(before, active):
            break
    distance = float((orthonormal @ right[0] - direction).norm())
    runner_up = float((1 - cosines[1].square()).clamp_min(0).sqrt()) if len(cosines) > 1 else 1.0
    return direction if distance < _CONSISTENT * runner_up else None


def _sum_free(classes: int) -> Tensor:
    """Orthonormal basis (K, K - 1) of the vectors that sum to zero, as p - y does."""
    ones = torch.ones(1, classes, dtype=torch.float64)
    basis: Tensor = torch.linalg.svd(ones).Vh[1:].T
    return basis
