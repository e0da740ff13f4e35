"""Laplace errors."""

import math
from dataclasses import dataclass

from torch import Tensor

from attacks.checks import require_positive
from attacks.gradients import Gradient, Target, Targets
from attacks.likelihoods.base import errors_of, weigh


@dataclass(frozen=True)
class Laplace:
    """Independent Laplace errors on the readable coordinates; l1 matching with the scale it implies.

    The exact density of Laplace noise on one client's update. A sum over clients carries a sum of such
    noise, whose standard deviation, but not whose density, this likelihood has.

    Attributes:
        resolution: assumed standard deviation, relative to the root mean square of the values read, where
            the defense adds no noise.

    Source: Balunovic et al. 2022 (ICLR), section 4, p(g|x) Laplacian.
    """

    resolution: float = 1e-3

    def __post_init__(self) -> None:
        require_positive("resolution", self.resolution)

    def negative_log(self, gradient: Gradient, targets: Targets) -> Tensor:
        """Sum of absolute errors over the scale, (R,)."""

        def term(predicted: Tensor, target: Target) -> Tensor:
            return weigh(self.pointwise(errors_of(predicted, target), targets), target)

        return gradient.elementwise(term, targets)

    def pointwise(self, errors: Tensor, targets: Targets) -> Tensor:
        """Absolute errors (V, R / V, n) over the scale."""
        return errors.abs() / self.scale(targets)[:, None, None]

    def compared(self, gradient: Gradient, targets: Targets) -> tuple[Gradient, Targets]:
        """Predictions and readings as they are."""
        return gradient, targets

    def scale(self, targets: Targets) -> Tensor:
        """Assumed mean absolute error (V,) of one value of each victim; strictly positive."""
        return targets.assumed_std(self.resolution) / math.sqrt(2)
