"""AdaDefense: what an optimiser makes of the gradient is sent in its place."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gradveil.defenses.mechanism import DefenseError
from gradveil.defenses.points import UpdateDefense, Work
from gradveil.defenses.update.compact import with_values
from gradveil.exchange import Update


@dataclass(frozen=True)
class AdaDefense(UpdateDefense):
    """A client sends the step that Adam takes from its gradient, with moments that begin at zero.

    Of such a first step, decay rates of the first moment cancel: u = scale g / (|g| + softening). This is the
    published mechanism in a client's first round, and in every round of a client that keeps no state. Who
    keeps moments sends a function of all its gradients, which a server that has seen every round can follow.

    Attributes:
        scale: largest magnitude of what is sent; Adam's learning rate.
        decay: of the second moment, from round to round.
        epsilon: added to the root of the second moment.

    Source: Hu et al. 2024 (arXiv 2410.08734), Adam variant, and its knobs; bias correction as in the authors'
        code (Rand2AI/AdaDefense, `methods/AdaDefense.py`). Kingma and Ba 2015 (ICLR), algorithm 1.
    """

    name: ClassVar[str] = "ada_defense"
    claim: ClassVar[str] = (
        "the server reads a step of Adam in place of the gradient; nothing is proven, and the step is an "
        "invertible function of the gradient, to the precision in which it is sent"
    )
    scale: float = 1e-3
    decay: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        if not (0 < self.scale < math.inf and 0 < self.epsilon < math.inf and 0 <= self.decay < 1):
            raise DefenseError("scale and epsilon have to be positive and finite, the decay in [0, 1)")

    @property
    def softening(self) -> float:
        """Gradient at which half the scale is sent."""
        return self.epsilon / math.sqrt(1 - self.decay)

    def apply(self, update: Update, work: Work, rng: np.random.Generator) -> Update:
        """The step in place of the gradient."""
        gradient = update.vector.astype(np.float64)
        step = self.scale * gradient / (np.abs(gradient) + self.softening)
        return with_values(update, step.astype(np.float32))
