"""Normal errors."""

from dataclasses import dataclass

from torch import Tensor

from attacks.checks import require_positive
from attacks.gradients import Gradient, Targets
from attacks.likelihoods.base import of_rows


@dataclass(frozen=True)
class Gaussian:
    """Independent normal errors on the readable coordinates; the squared error of DLG.

    Attributes:
        resolution: assumed standard deviation, relative to the root mean square of the values read, where
            the defense adds no noise.

    Source: Balunovic et al. 2022 (ICLR), section 4, p(g|x) Gaussian; Zhu et al. 2019 (DLG).
    """

    resolution: float = 1e-3

    def __post_init__(self) -> None:
        require_positive("resolution", self.resolution)

    def negative_log(self, gradient: Gradient, targets: Targets) -> Tensor:
        """Sum of squared errors over twice the variance, (R,)."""
        error = gradient.square_error(targets)
        return error / (2 * of_rows(self.variance(targets), len(error)))

    def pointwise(self, errors: Tensor, targets: Targets) -> Tensor:
        """Squared errors (V, R / V, n) over twice the variance."""
        return errors.square() / (2 * self.variance(targets)[:, None, None])

    def squares(self, targets: Targets) -> tuple[Targets, Tensor]:
        """The targets as they are, and the inverse variances (V,)."""
        return targets, 1 / self.variance(targets)

    def compared(self, gradient: Gradient, targets: Targets) -> tuple[Gradient, Targets]:
        """Predictions and readings as they are."""
        return gradient, targets

    def variance(self, targets: Targets) -> Tensor:
        """Assumed variance (V,) of one value of each victim; strictly positive."""
        return targets.assumed_std(self.resolution).square()
