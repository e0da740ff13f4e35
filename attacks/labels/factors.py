"""Labels confirmed or corrected by an exact factorisation of a small batch's gradient."""

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement
from math import comb

import torch
from torch import Tensor

from attacks.labels.embeddings import ClassView
from attacks.labels.head import Head
from attacks.labels.marquardt import minimise

_MOST_ENUMERATED = 1000
_FINALISTS = 24
_RESTARTS = 8
_SCREENING_STEPS, _STEPS = 25, 60
_JITTER = 0.3
_SHARP = 1e-6
"""How far below the tolerance a factorisation goes whose factors are wanted, not only its labels."""

_FACTOR_STEPS = 200
_ROUGH = 1e3
"""How far above the tolerance factors are still of use; nearly parallel examples make the search slow."""

Labels = tuple[int, ...]


def exact_labels(head: Head, view: ClassView, estimate: Labels) -> list[Labels]:
    """Labels, in increasing order, under which the gradient factorises to rounding; none if not found.

    With q_b = (e_b, 1), the layer's gradient is G = sum_b (softmax(W e_b + b) - y_b) q_b^T. For B < K its
    row space holds every q_b, so each is a combination of B basis rows: B^2 unknowns, and B (K - 1) + B
    equations that wrong labels do not solve. The estimate is tried first, then every multiset of classes.

    Needs a fully readable layer with bias, no noise, at most min(K - 1, d) examples, and at most 1000
    multisets (four examples of ten classes).
    """
    if not _applicable(head, len(estimate)):
        return []
    problem = _Factorisation(head, view, len(estimate), torch.Generator().manual_seed(0))
    if float(problem.errors(torch.tensor([estimate]), _RESTARTS, _STEPS)) <= problem.tolerance:
        return [estimate]
    multisets = combinations_with_replacement(range(head.classes), len(estimate))
    finalists, errors = problem.finalists(torch.tensor(list(multisets)))
    return [tuple(labels) for labels in finalists[errors <= problem.tolerance].tolist()]


def factorised(head: Head, view: ClassView, labels: Labels) -> tuple[Tensor, Tensor] | None:
    """Embeddings (B, d) and deltas (B, K) of every example, in the order of the labels; None if not found.

    Deltas are gradients of the loss with respect to the logits. Conditions as in `exact_labels`, for any
    number of multisets. Examples of one class are told apart less sharply than those of different classes.
    """
    if not _factorisable(head, len(labels)):
        return None
    problem = _Factorisation(head, view, len(labels), torch.Generator().manual_seed(0))
    inputs, error = problem.solved(torch.tensor(labels))
    if error > _ROUGH * problem.tolerance:
        return None
    embeddings = inputs[:, :-1] / inputs[:, -1:]
    ones = torch.eye(head.classes, dtype=torch.float64)[list(labels)]
    return embeddings, head.probabilities(embeddings) - ones


def _factorisable(head: Head, examples: int) -> bool:
    readable = bool(head.weight_seen.all() and head.bias_seen.all()) and head.noise_std == 0
    return readable and examples <= min(head.classes - 1, head.weight.shape[1])


def _applicable(head: Head, examples: int) -> bool:
    few = comb(head.classes + examples - 1, examples) <= _MOST_ENUMERATED
    return few and _factorisable(head, examples)


@dataclass(frozen=True, eq=False)
class _Factorisation:
    """The gradient in the coordinates of its row space, and how well labels (M, B) explain it."""

    head: Head
    view: ClassView
    examples: int
    generator: torch.Generator

    @cached_property
    def basis(self) -> Tensor:
        """Orthonormal basis (d + 1, B) of the gradient's row space."""
        rows: Tensor = torch.linalg.svd(self._sums, full_matrices=False).Vh
        return rows[: self.examples].T

    @cached_property
    def tolerance(self) -> float:
        """Squared relative error of a float32 gradient: probabilities near one are rounded to an ulp."""
        ulp = torch.finfo(torch.float32).eps
        length = float(self.head.typical.square().sum()) + 1
        return 1e-12 + self.examples * ulp**2 * length / float(self._sums.square().sum())

    def finalists(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The most promising of labels (M, B), best first, and their errors, after a closer search."""
        kept = labels[self.errors(labels, 1, _SCREENING_STEPS).argsort()[:_FINALISTS]]
        errors = self.errors(kept, _RESTARTS, _STEPS)
        order = errors.argsort()
        return kept[order], errors[order]

    def errors(self, labels: Tensor, restarts: int, steps: int) -> Tensor:
        """Squared relative error (M,) of the best factorisation found for labels (M, B)."""
        _, squares = self._minimised(labels, restarts, steps, self.tolerance)
        return squares.reshape(restarts, -1).min(0).values

    def solved(self, labels: Tensor) -> tuple[Tensor, float]:
        """Inputs (B, d + 1) of the best factorisation found for labels (B,), and its squared error."""
        points, squares = self._minimised(labels[None], _RESTARTS, _FACTOR_STEPS, _SHARP * self.tolerance)
        best = int(squares.argmin())
        return points[best].reshape(self.examples, -1) @ self.basis.T, float(squares[best])

    def _minimised(self, labels: Tensor, restarts: int, steps: int, enough: float) -> tuple[Tensor, Tensor]:
        repeated = labels.repeat(restarts, 1)
        targets = torch.eye(self.head.classes, dtype=torch.float64)[repeated]
        starts = (self._starts(repeated, len(labels)) @ self.basis).flatten(1)
        return minimise(self._residuals, starts, targets, steps, enough)

    def _starts(self, labels: Tensor, plain: int) -> Tensor:
        """Embeddings with a one (R, B, d + 1): of the label's row, after the plain starts half of any row."""
        shape = labels.shape
        other = torch.rand(shape, generator=self.generator) < 0.5
        other[:plain] = False
        random = torch.randint(self.head.classes, shape, generator=self.generator)
        embeddings = self.view.embeddings[torch.where(other, random, labels)]
        noise = torch.randn(embeddings.shape, generator=self.generator, dtype=torch.float64)
        embeddings = embeddings + _JITTER * embeddings.std() * noise
        return torch.cat([embeddings, torch.ones_like(embeddings[..., :1])], -1)

    def _residuals(self, point: Tensor, targets: Tensor) -> Tensor:
        """Errors of the gradient, relative, and of the ones, for inputs (B, d + 1) in the basis, flat."""
        inputs = point.reshape(self.examples, -1)
        deltas = (inputs @ self._weight.T).softmax(1) - targets
        error = (deltas.T @ inputs - self._reduced) / self._reduced.norm()
        return torch.cat([error.flatten(), inputs @ self.basis[-1] - 1])

    @cached_property
    def _sums(self) -> Tensor:
        return torch.cat([self.head.weight_sums, self.head.bias_sums[:, None]], 1)

    @cached_property
    def _reduced(self) -> Tensor:
        return self._sums @ self.basis

    @cached_property
    def _weight(self) -> Tensor:
        return torch.cat([self.head.weight, self.head.bias[:, None]], 1) @ self.basis
