"""Readings that are steps of an optimiser in place of gradients."""

from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from attacks.checks import require_positive
from attacks.gradients import Gradient, Target, Targets
from attacks.likelihoods.gaussian import Gaussian

_ROUNDING = 2.0**-24
"""Largest relative error of a float32, in which a step was sent."""


@dataclass(frozen=True)
class FirstStep:
    """Readings are scale g / (|g| + softening), and are solved for the client's mean gradient g.

    The errors left are what rounding to float32 makes of it: the larger the gradient, the nearer the step is
    to the scale, and the less is told of its size. Exact for one client, whose update is not summed with
    others.

    Attributes:
        scale: largest magnitude of a step.
        softening: gradient at which half of it is taken.
        resolution: as of `Gaussian`, a least standard deviation.

    Source: ours; the mechanism is that of Hu et al. 2024 (arXiv 2410.08734), AdaDefense.
    """

    scale: float
    softening: float
    resolution: float = 1e-3
    _solved: WeakKeyDictionary[Targets, Targets] = field(
        default_factory=WeakKeyDictionary, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        require_positive("scale", self.scale)
        require_positive("softening", self.softening)
        require_positive("resolution", self.resolution)

    def negative_log(self, gradient: Gradient, targets: Targets) -> Tensor:
        """Squared errors of the gradients solved for, over twice their variance, (R,)."""
        return Gaussian().negative_log(gradient, self.solved(targets))

    def squares(self, targets: Targets) -> tuple[Targets, Tensor]:
        """Targets with gradients and these weights, and the inverse variances (V,)."""
        return Gaussian().squares(self.solved(targets))

    def compared(self, gradient: Gradient, targets: Targets) -> tuple[Gradient, Targets]:
        """Predictions as they are, and the gradients solved for."""
        return gradient, self.solved(targets)

    def solved(self, targets: Targets) -> Targets:
        """Gradients of the examples' sum in place of steps, by their inverse variances; made once."""
        if targets not in self._solved:
            pairs = {name: self._inverted(one, targets.examples) for name, one in targets.blocks.items()}
            gradients = torch.cat([values for values, _ in pairs.values()], dim=1)
            seen = torch.cat([(one.weights > 0) for one in targets.blocks.values()], dim=1)
            typical = (gradients.square() * seen).sum(1) / seen.sum(1).clamp_min(1)
            least = (self.resolution * typical.sqrt()).clamp_min(1e-15)
            blocks = {
                name: self._weighted(targets.blocks[name], values, spread, least)
                for name, (values, spread) in pairs.items()
            }
            kind = targets.noise_std
            self._solved[targets] = Targets(blocks, least.to(kind), typical.to(kind), targets.examples)
        return self._solved[targets]

    def _inverted(self, target: Target, examples: int) -> tuple[Tensor, Tensor]:
        """Gradients (V, n) of the sum, float64, and the standard deviations that rounding gives them."""
        steps = target.values.double() / (self.scale * examples)
        left = (1 - steps.abs()).clamp_min(_ROUNDING)
        gradients = examples * self.softening * steps / left
        return gradients, examples * self.softening * steps.abs() * _ROUNDING / left.square()

    def _weighted(self, target: Target, values: Tensor, spread: Tensor, least: Tensor) -> Target:
        """Of errors by rounding and of the least size, on top of each other."""
        weights = least[:, None].square() / (least[:, None].square() + spread.square())
        return Target(values.to(target.values), target.weights * weights.to(target.weights))
