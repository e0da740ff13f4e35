"""Readings that lie on few levels, as quantised updates do."""

import math
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from attacks.checks import require_positive
from attacks.gradients import Gradient, Target, Targets
from attacks.likelihoods.gaussian import Gaussian


def grid_deviation(bits: int, stochastic: bool) -> float:
    """Standard deviation of rounding errors over the largest level, for 2^bits - 1 levels around zero.

    Of errors uniform within half a step to either side; rounding to either neighbour doubles the variance,
    on average over places between two levels.
    """
    step = 1 / ((1 << (bits - 1)) - 1)
    return step / math.sqrt(6 if stochastic else 12)


@dataclass(frozen=True, eq=False)
class Gridded:
    """Rounding errors taken to be normal, of a deviation that is known for each tensor from its range.

    Really they are bounded, and for coarse grids anything but normal: only their variance is right.

    Attributes:
        deviation: of errors, over the tensor's largest reading.
        bias_deviation: the same for parameters named `*.bias`; None if it is no other.
    """

    deviation: float
    bias_deviation: float | None = None
    _weighted: WeakKeyDictionary[Targets, Targets] = field(
        default_factory=WeakKeyDictionary, init=False, repr=False
    )

    def __post_init__(self) -> None:
        require_positive("deviation", self.deviation)
        require_positive("bias deviation", self.bias_deviation or self.deviation)

    def negative_log(self, gradient: Gradient, targets: Targets) -> Tensor:
        """Squared errors over twice their tensor's variance, (R,)."""
        return Gaussian().negative_log(gradient, self._by_variance(targets))

    def squares(self, targets: Targets) -> tuple[Targets, Tensor]:
        """Targets with these weights, and the inverse variances (V,)."""
        return Gaussian().squares(self._by_variance(targets))

    def compared(self, gradient: Gradient, targets: Targets) -> tuple[Gradient, Targets]:
        """Predictions as they are, and targets with these weights."""
        return gradient, self._by_variance(targets)

    def _by_variance(self, targets: Targets) -> Targets:
        """Targets whose weights are inverse to the tensors' variances, on average one; made once."""
        if targets not in self._weighted:
            variances = torch.stack([self._variance(*one, targets) for one in targets.blocks.items()])
            least = variances.amin(0)
            factors = dict(zip(targets.blocks, least / variances, strict=True))
            blocks = targets.reweighted(factors).blocks
            self._weighted[targets] = Targets(blocks, least.sqrt(), targets.mean_square, targets.examples)
        return self._weighted[targets]

    def _variance(self, name: str, target: Target, targets: Targets) -> Tensor:
        """Of one tensor's errors, (V,): rounding, and what noise the defense added before."""
        deviation = self.deviation
        if name.endswith(".bias") and self.bias_deviation is not None:
            deviation = self.bias_deviation
        largest = target.values.abs().amax(1)
        smallest = Gaussian().resolution * targets.mean_square.clamp_min(1e-30).sqrt()
        return (deviation * largest).square() + targets.noise_std.square() + (deviation * smallest).square()
