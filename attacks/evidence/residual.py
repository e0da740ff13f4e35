"""How well a reconstruction explains what was read."""

import math
from dataclasses import dataclass

from torch import Tensor

from attacks.gradients import Targets
from attacks.model import Model


@dataclass(frozen=True)
class Residual:
    """The distance between readings and the gradient at a reconstruction.

    Attributes:
        error: sum of the weighted squared differences.
        energy: that of the readings themselves.
        read: number of coordinates with a weight.
    """

    error: float
    energy: float
    read: int

    @property
    def relative(self) -> float:
        """Norm of the difference over that of the readings: 0 explains them all, 1 is no better than zeros.

        Infinite for readings that are all zero and are not explained.
        """
        if self.energy > 0:
            return math.sqrt(self.error / self.energy)
        return math.inf if self.error > 0 else 0.0


def residual(model: Model, images: Tensor, labels: Tensor, targets: Targets) -> Residual:
    """The residual of a reconstruction, computed in float64.

    Args:
        model: the public network.
        images: (B, *input_shape), of any float type.
        labels: (B,).
        targets: readings of one victim.
    """
    wide = targets.double()
    predicted = model.double().run(images.double()[None], labels[None]).gradient
    return Residual(
        error=float(predicted.square_error(wide).detach()),
        energy=float(sum(target.energy for target in wide.blocks.values())),
        read=sum(int((target.weights > 0).sum()) for target in wide.blocks.values()),
    )
