"""From gray to a rough image: smooth rectifiers and pooling first, then ever sharper ones."""

from dataclasses import dataclass, field, replace

from torch import Tensor

from attacks.checks import require_positive
from attacks.priors import Box, Product, TotalVariation
from attacks.routing.distance import TrunkDistance
from attacks.searches import LBFGS, Search


@dataclass(frozen=True)
class Continuation:
    """Searches under one sharpness after the other, and last with the real functions.

    Each begins where the one before ended. Few steps at each: what fits a smooth network exactly is wrong for
    the next one.

    Attributes:
        sharpness: of ReLU and max-pooling, in units of one over the features' root mean square.
        search: at each.
        variation: weight of the total variation while the network is smooth.
        last_variation: the same with the real network.

    Raises:
        AttackError: a sharpness is not positive.
    """

    sharpness: tuple[float, ...] = (1.0, 3.0, 10.0, 30.0, 100.0)
    search: Search = field(default_factory=lambda: LBFGS(iterations=200, history=60))
    variation: float = 0.1
    last_variation: float = 0.01

    def __post_init__(self) -> None:
        for one in self.sharpness:
            require_positive("sharpness", one)

    def minimise(self, distance: TrunkDistance, starts: Tensor) -> tuple[Tensor, Tensor]:
        """Points (R, d) and their values (R,) under the real network, from starts (R, d)."""
        for sharpness in self.sharpness:
            smooth = replace(distance, sharpness=sharpness, prior=_smooth_images(self.variation))
            starts, _ = self.search.minimise(smooth, starts)
        real = replace(distance, sharpness=None, prior=_smooth_images(self.last_variation))
        return self.search.minimise(real, starts)


def _smooth_images(variation: float) -> Product:
    return Product((Box(), TotalVariation(variation, softening=1e-4, isotropic=True)))
