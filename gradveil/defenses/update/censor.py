"""CENSOR: random vectors orthogonal to the gradient are tried, and the best for the loss is sent."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional as F

from gradveil.defenses.mechanism import DefenseError
from gradveil.defenses.points import UpdateDefense, Work
from gradveil.exchange import Layout, Update

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Censor(UpdateDefense):
    """Each tensor's gradient gives way to a random one, orthogonal to it and of its norm.

    Of several such updates that is sent after which, at a small step, the batch's loss is lowest. The
    gradient itself is never sent; in the authors' code it is, where no trial lowers the loss. A tensor of one
    element has nothing orthogonal to it and is sent as zero. As it tries losses of the batch that the
    gradient is of, it comes first.

    Attributes:
        trials: updates tried.
        step: learning rate at which they are.

    Source: Zhang et al. 2025 (NDSS); 20 trials at 1e-4, and one vector for each parameter tensor, as in the
        authors' code (KaiyuanZh/censor, `defense.py`), which defends the first 10 epochs and sends plain
        gradients afterwards: a step orthogonal to the gradient is no descent. That code divides a projection
        by the gradient's norm once instead of twice, so that only for gradients of norm one is what it sends
        orthogonal to them; here it always is. The paper's text was not at hand.
    """

    name: ClassVar[str] = "censor"
    recomputes: ClassVar[bool] = True
    claim: ClassVar[str] = (
        "the server reads each tensor's gradient norm, a random direction, and that the gradient is "
        "orthogonal to it; nothing is proven"
    )
    trials: int = 20
    step: float = 1e-4

    def __post_init__(self) -> None:
        if not (self.trials >= 1 and 0 < self.step < float("inf")):
            raise DefenseError("censor needs at least one trial, and a positive step to try it at")

    def apply(self, update: Update, work: Work, rng: np.random.Generator) -> Update:
        """The orthogonal update of lowest loss; of equal ones the first."""
        gradient = update.vector.astype(np.float64)
        tried = (orthogonal(gradient, update.layout, rng) for _ in range(self.trials))
        best = min(tried, key=lambda vector: _loss_after(work, update.layout, self.step * vector))
        return Update(update.layout, best.astype(np.float32), update.weight)


def orthogonal(gradient: Vector, layout: Layout, rng: np.random.Generator) -> Vector:
    """A random vector (layout.size,), tensor by tensor orthogonal to the gradient and as long as it."""
    vector = rng.standard_normal(layout.size)
    for part in layout.slices.values():
        vector[part] = _turned(vector[part], gradient[part])
    return vector


def _turned(vector: Vector, gradient: Vector) -> Vector:
    """What of a vector (n,) is orthogonal to a gradient, at the gradient's length."""
    length = np.linalg.norm(gradient)
    if length == 0 or len(vector) == 1:
        return np.zeros_like(vector)
    unit = gradient / length
    left = vector - (vector @ unit) * unit
    return left * (length / np.linalg.norm(left))


def _loss_after(work: Work, layout: Layout, step: Vector) -> float:
    """Mean loss of the batch after a descent by the step, in float64: its changes are small."""
    weights = dict(_moved(work, layout, step))
    images, labels = work.images.double(), work.labels
    with torch.no_grad():
        logits = functional_call(work.network, weights, (images,))
        return float(F.cross_entropy(logits, labels if labels.ndim == 1 else labels.double()))


def _moved(work: Work, layout: Layout, step: Vector) -> Iterator[tuple[str, Tensor]]:
    """Weights after the step, and buffers, in float64."""
    for name, value in chain(work.network.named_parameters(), work.network.named_buffers()):
        moved = value.detach().double() if value.is_floating_point() else value
        if name in layout.slices:
            moved = moved - torch.from_numpy(step[layout.slices[name]]).to(value.device).reshape(value.shape)
        yield name, moved
