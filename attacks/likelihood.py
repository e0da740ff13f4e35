"""What the adversary believes about the noise between the true gradient and what it read."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from attacks.evidence import Evidence


class Likelihood(Protocol):
    """log p(observation | x), up to a constant."""

    def negative_log(self, predicted: Tensor, evidence: Evidence) -> Tensor:
        """Scalar from a predicted gradient (layout.size,) and the evidence."""
        ...


@dataclass(frozen=True)
class Gaussian:
    """Independent normal errors on the readable coordinates; the squared error of DLG.

    The standard deviation is the defense's, if known, and else `resolution` times the root mean square of
    the values read: a stand-in for rounding errors that sets how far the prior may pull.

    Source: Balunovic et al. 2022 (ICLR), section 4, p(g|x) Gaussian; Zhu et al. 2019 (DLG).
    """

    resolution: float = 1e-3

    def negative_log(self, predicted: Tensor, evidence: Evidence) -> Tensor:
        """Sum of squared errors over twice the variance."""
        error = (predicted - evidence.values) * evidence.visible
        return error @ error / (2 * self.variance(evidence))

    def variance(self, evidence: Evidence) -> float:
        """Assumed variance of one value; strictly positive."""
        if evidence.noise_std > 0:
            return evidence.noise_std**2
        return max(self.resolution**2 * evidence.mean_square, 1e-30)
