"""Factors of a matrix A B^T whose left factor has many zeros, found by random submatrices."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from attacks.errors import AttackError

_DRAWS, _DRAWS_OF_MIXTURES, _LOOKED_AT = 8192, 256, 16
"""Submatrices of one batched decomposition, for all columns and for some; directions looked at."""

_MOST_POWER = 3.0
"""Rows are drawn with odds of up to this power of one over their length."""

_SPARE = 2
"""Zeros that a direction must have beside those it was made to have."""

_ZERO, _REFINED = 1e-4, 1e-5
"""Entries of a column, relative to its root mean square, that count as zero, before and after refinement."""

_SAME = 1e-5
"""Sine of the angle up to which two directions are one, or one lies in the span of others."""

_FORCED = 0.999
"""Leverage from which on a zero's row is one that nothing but the direction's making put there."""

_RANK = 1e-5
"""Least singular value, relative to the largest, that float32 readings tell from zero."""


@dataclass
class SparseColumns:
    """Directions q with L q sparse, for an orthonormal L (n, b) whose column space a sparse A (n, b) spans.

    Of a few random rows, b - 1, all may be zero in the same column of A; then q spans the null space of
    these rows of L, and L q has as many zeros as the column. More often b - k rows are zero in the same k
    columns and the others fix a mixture of these, with zeros that nothing else supports. Without the others
    the null space has dimension k, and its sparse directions are found by the same means, more easily as k
    is small. Of all directions found, those with the most zeros that are linearly independent are the
    columns of A.

    Attributes:
        left: L; without rows of zeros, which say nothing and would be drawn most.
        most_mixed: columns that a mixture may have to be looked into.
        found: directions and the zeros of their columns.

    Source: Dimitrov et al. 2024 (SPEAR), section 4; batched draws, odds and mixtures are ours.
    """

    left: Tensor
    most_mixed: int = 4
    found: list[tuple[int, Tensor]] = field(default_factory=list)

    def draw(self, rng: torch.Generator, draws: int = _DRAWS) -> bool:
        """Look at another batch of submatrices; whether any gave a new direction."""
        null = torch.linalg.qr(self.left[self._submatrices(draws, rng)].mT, mode="complete").Q[..., -1]
        promising = null[self._zero(null.T, _ZERO).sum(0) >= self.left.shape[1] - 1 + _SPARE]
        before = len(self.found)
        for _ in range(_LOOKED_AT):
            promising = promising[self._new(promising)]
            if not len(promising):
                break
            self._look_at(promising[0], rng)
            promising = promising[1:]
        return len(self.found) > before

    def best(self) -> Tensor | None:
        """The b independent directions with the most zeros, as columns (b, b); None if there are fewer."""
        chosen: list[Tensor] = []
        for _, direction in sorted(self.found, key=lambda one: -one[0]):
            if _apart(direction, chosen):
                chosen.append(direction)
        return torch.stack(chosen, 1) if len(chosen) == self.left.shape[1] else None

    def _submatrices(self, draws: int, rng: torch.Generator) -> Tensor:
        """Indices (N, b - 1) of rows; those with few non-zeros, which are short, are drawn more often."""
        powers = torch.rand(draws, 1, generator=rng, dtype=torch.float64) * _MOST_POWER
        lots = torch.empty(draws, len(self.left), dtype=torch.float64).exponential_(generator=rng)
        keys = lots.log() + powers * self.left.norm(dim=1).log()
        chosen: Tensor = keys.topk(self.left.shape[1] - 1, dim=1, largest=False).indices
        return chosen

    def _look_at(self, direction: Tensor, rng: torch.Generator) -> None:
        """Keep what the supported zeros of a direction leave: itself, or the columns that it mixes."""
        null = _supported_null_space(self.left[self._zero(direction, _ZERO)])
        if null.shape[1] == 1:
            self._add(null[:, 0])
        elif 1 < null.shape[1] <= self.most_mixed and null.shape[1] < self.left.shape[1]:
            basis, triangular = torch.linalg.qr(self.left @ null)
            mixed = SparseColumns(basis[basis.norm(dim=1) > _ZERO * len(basis) ** -0.5], most_mixed=1)
            if len(mixed.left) > null.shape[1]:
                mixed.draw(rng, _DRAWS_OF_MIXTURES)
            for _, one in mixed.found:
                self._add(null @ torch.linalg.solve_triangular(triangular, one[:, None], upper=True)[:, 0])

    def _add(self, direction: Tensor) -> None:
        null = _supported_null_space(self.left[self._zero(direction / direction.norm(), _ZERO)])
        if null.shape[1] == 1 and bool(self._new(null.T)):
            self.found.append((int(self._zero(null[:, 0], _REFINED).sum()), null[:, 0]))

    def _new(self, directions: Tensor) -> Tensor:
        """Which unit vectors (N, b) are none of those found."""
        known = torch.stack([one for _, one in self.found] or [directions.new_zeros(directions.shape[1])])
        cosines: Tensor = (directions @ known.T).abs().amax(1)
        return cosines < 1 - _SAME

    def _zero(self, directions: Tensor, tolerance: float) -> Tensor:
        """Which entries of L q vanish; q of length one has entries of root mean square 1 / sqrt(n)."""
        small: Tensor = (self.left @ directions).abs() * len(self.left) ** 0.5 < tolerance
        return small


def _supported_null_space(rows: Tensor) -> Tensor:
    """Orthonormal basis (b, k) of what is orthogonal to those rows (n, b) that others can make up for."""
    while len(rows):
        left, sizes, right = torch.linalg.svd(rows, full_matrices=True)
        rank = int((sizes > _SAME).sum())
        forced = left[:, :rank].square().sum(1) > _FORCED
        if not bool(forced.any()):
            basis: Tensor = right[rank:].T
            return basis
        rows = rows[~forced]
    return torch.eye(rows.shape[1], dtype=rows.dtype)


def low_rank(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Factors L (n, r), orthonormal, and R (r, m) of a matrix (n, m).

    Raises:
        AttackError: its rank is lower than that, to float32 precision.
    """
    left, sizes, right = torch.linalg.svd(matrix, full_matrices=False)
    if len(sizes) < rank or float(sizes[rank - 1]) <= _RANK * float(sizes[0]):
        raise AttackError(
            f"the gradient's rank is under {rank}: examples are alike or have no loss left, or too few rows "
            "are readable; use gradient matching"
        )
    return left[:, :rank], sizes[:rank, None] * right[:rank]


def _apart(direction: Tensor, others: list[Tensor]) -> bool:
    if not others:
        return True
    basis = torch.linalg.qr(torch.stack(others, 1)).Q
    return float((direction - basis @ (basis.T @ direction)).norm()) > _SAME
