"""Updates of which only the largest coordinates were sent."""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from attacks.gradients import Gradient, Target, Targets
from attacks.gradients.blocks import by_victim
from attacks.likelihoods.base import Comparing
from attacks.likelihoods.gaussian import Gaussian


@dataclass(frozen=True)
class LargestRead:
    """What was not read is smaller than what was; predictions beyond the smallest reading are errors.

    Of a coordinate that was dropped only a bound is known, and up to it all values are alike. Beyond
    it the density falls off as that of the readings' errors does. Predictions and bound are compared as the
    readings are: clipped where the client clips, as gradients where steps are solved for gradients. A
    reading's own error widens the bound by the largest that so many normal errors are likely to hold. Right
    where nothing else hides coordinates, for one client whose update is not summed with others.

    Attributes:
        read: likelihood of the coordinates that were read.
        resolution: as of `Gaussian`, of the bound.
    """

    read: Comparing = field(default_factory=Gaussian)
    resolution: float = 1e-3

    def negative_log(self, gradient: Gradient, targets: Targets) -> Tensor:
        """That of the readings, and half the squared excess of all others over their variance, (R,)."""
        predicted, told = self.read.compared(gradient, targets)
        deviations = told.assumed_std(self.resolution)
        bounds = _bounds(told, deviations)
        excess = [
            _excess(by_victim(block.dense(), targets.blocks[name]), targets.blocks[name].weights, bounds)
            for name, block in predicted.blocks.items()
        ]
        beyond = torch.stack(excess).sum(0) / (2 * deviations.square()[:, None])
        return self.read.negative_log(gradient, targets) + beyond.flatten()


def _excess(predicted: Tensor, weights: Tensor, bounds: Tensor) -> Tensor:
    """Squared excess of a tensor's predictions (V, R / V, n) where nothing was read, (V, R / V)."""
    beyond = (predicted.abs() - bounds[:, None, None]).clamp_min(0).square()
    return (beyond * (weights == 0)[:, None]).sum(2)


def _bounds(targets: Targets, deviations: Tensor) -> Tensor:
    """What all dropped coordinates are below, (V,): the smallest reading, whatever its error may be."""
    read = torch.stack([(target.weights > 0).sum(1) for target in targets.blocks.values()]).sum(0)
    largest = deviations * (2 * read.clamp_min(math.e).log()).sqrt()
    return torch.stack([_least(target, largest) for target in targets.blocks.values()]).amin(0)


def _least(target: Target, errors: Tensor) -> Tensor:
    """Least magnitude (V,) of a tensor's readings with these errors (V,) at weight one; infinite if none."""
    seen = target.weights > 0
    widened = target.values.abs() + errors[:, None] / torch.where(seen, target.weights, 1.0).sqrt()
    return torch.where(seen, widened, torch.inf).amin(1)
