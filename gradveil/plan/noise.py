"""Noise that clients share and add inside secure aggregation."""

import math
from dataclasses import dataclass

from gradveil.plan.errors import PlanError
from secagg import FixedPoint
from secagg.noise import DiscreteGaussianNoise


@dataclass(frozen=True)
class Noise:
    """Distributed discrete Gaussian noise on the sum of what is masked; see `secagg.noise`.

    Each client's values are scaled down to the L2 norm `Masking.clip` and count once, however many examples
    it has: the sum of the numbers of examples would carry no noise.

    Attributes:
        sigma: standard deviation on the sum, in units of the values.
        honest: fewest honest clients in a sum. Each adds sigma^2 / honest, so more of them mean more noise.
        delta: of the claim.

    Raises:
        PlanError: a value out of range.
    """

    sigma: float
    honest: int
    delta: float = 1e-5

    def __post_init__(self) -> None:
        if not (0 < self.sigma < math.inf and 0 < self.delta < 1 and self.honest >= 1):
            raise PlanError("noise needs a positive sigma, honest clients and a delta within 0 and 1")

    def mechanism(self, encoding: FixedPoint, length: int, rounds: int = 1) -> DiscreteGaussianNoise:
        """What clients run, and accounts for so many rounds; raises as `secagg.noise` does."""
        return DiscreteGaussianNoise(
            encoding, length, encoding.clip, self.sigma, self.honest, self.delta, rounds
        )
