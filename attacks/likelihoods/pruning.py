"""Pruning by a mask that the adversary does not know."""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from attacks.errors import AttackError
from attacks.gradients import Gradient, Target, Targets
from attacks.likelihoods.base import Density, errors_of, weigh
from attacks.likelihoods.gaussian import Gaussian


@dataclass(frozen=True)
class PruningMixture:
    """Every coordinate was pruned to zero with some probability before noise was added; which, is unknown.

    The mask is summed out, coordinate by coordinate: p(g|x) = (1 - p) q(g - G(x)) + p q(g), where q is the
    density of the noise. It holds for one client's update, and for a mask that does not depend on the data.
    A mask that is known needs no mixture: see `attacks.evidence.Unpruned`.

    Attributes:
        probability: p, of pruning one coordinate; strictly between 0 and 1.
        noise: q.

    Source: Balunovic et al. 2022 (ICLR), equation 4 and section 5 (pruning with Gaussian or Laplacian noise;
        there with a known mask).
    """

    probability: float
    noise: Density = field(default_factory=Gaussian)

    def __post_init__(self) -> None:
        if not 0 < self.probability < 1:
            raise AttackError(f"pruning probability is {self.probability:g}; give one between 0 and 1")

    def negative_log(self, gradient: Gradient, targets: Targets) -> Tensor:
        """Sum over coordinates of the mixture's negative log, (R,)."""

        def term(predicted: Tensor, target: Target) -> Tensor:
            kept = self.noise.pointwise(errors_of(predicted, target), targets)
            pruned = self.noise.pointwise(target.values[:, None], targets)
            return weigh(-self._log_sum(kept, pruned), target)

        return gradient.elementwise(term, targets)

    def _log_sum(self, kept: Tensor, pruned: Tensor) -> Tensor:
        return torch.logaddexp(
            math.log1p(-self.probability) - kept, (math.log(self.probability) - pruned).expand_as(kept)
        )
