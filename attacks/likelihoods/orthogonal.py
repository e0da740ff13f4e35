"""Readings that are random vectors orthogonal to the gradient, and as long as it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.checks import require_positive
from attacks.errors import NotApplicableError
from attacks.gradients import Gradient, Target, Targets
from attacks.gradients.blocks import Block
from attacks.likelihoods.base import of_rows


@dataclass(frozen=True)
class Orthogonal:
    """Of each tensor's gradient two numbers are known: its norm, and that one component is zero.

    Both errors are taken to be normal. Exact for one client, whose update is not summed with others;
    tensors of which some elements are hidden say nothing.

    Attributes:
        deviation: of both errors, over the tensor's norm.

    Source: ours; the mechanism is that of Zhang et al. 2025 (NDSS), CENSOR.
    """

    deviation: float = 1e-2

    def __post_init__(self) -> None:
        require_positive("deviation", self.deviation)

    def negative_log(self, gradient: Gradient, targets: Targets) -> Tensor:
        """Half the squares of both errors over their variance, (R,).

        Raises:
            NotApplicableError: no tensor is read as a whole.
        """
        seen = {name: one for name, one in targets.blocks.items() if _whole(one)}
        if not seen:
            raise NotApplicableError("no tensor is read as a whole, so that nothing is known of its gradient")
        terms = [self._term(gradient.blocks[name], one) for name, one in seen.items()]
        return torch.stack(terms).sum(0) / (2 * self.deviation**2)

    def _term(self, predicted: Block, target: Target) -> Tensor:
        """Squared relative errors of norm and component, (R,); of a tensor that reads zero, nothing."""
        inner, squares = predicted.inner(target), predicted.square_norm(target)
        energy = of_rows(target.energy, len(inner))
        tiny = torch.finfo(inner.dtype).tiny
        lengths = (squares / energy.clamp_min(tiny) + tiny).sqrt()
        return ((lengths - 1).square() + (inner / energy.clamp_min(tiny)).square()) * (energy > 0)


def _whole(target: Target) -> bool:
    return target.uniform is not None and bool((target.uniform > 0).all())
