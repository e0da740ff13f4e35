"""How much of an image the readings determine, without attacking it."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.gradients import Targets
from attacks.jacobian.gram import gram
from attacks.model import Model

UNIFORM_VARIANCE = 1 / 12
"""Variance of a pixel that is uniform in [0, 1]."""

_NEGLIGIBLE = 1e-13
"""Eigenvalues below this share of the largest are rounding of float64 sums."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenvalues of J^T W J at one batch: what small changes of the pixels do to the readings.

    Attributes:
        eigenvalues: (d,), float64, ascending, not negative.
    """

    eigenvalues: Tensor

    @property
    def dimension(self) -> int:
        """Number of pixels d."""
        return self.eigenvalues.numel()

    @property
    def rank(self) -> int:
        """Rank of the visible Jacobian; below d, some directions leave no trace in the readings."""
        return int((self.eigenvalues > _NEGLIGIBLE * self.eigenvalues[-1]).sum())

    @property
    def trace(self) -> float:
        """Sum of the eigenvalues: the squared sensitivity of the readings."""
        return float(self.eigenvalues.sum())

    def posterior_variance(self, noise_variance: float, prior_variance: float = UNIFORM_VARIANCE) -> float:
        """Mean variance of a pixel given the readings, for a linear model with normal noise and prior."""
        precision = self.eigenvalues / noise_variance + 1 / prior_variance
        return float((1 / precision).mean())

    def posterior_psnr(self, noise_variance: float, prior_variance: float = UNIFORM_VARIANCE) -> float:
        """The PSNR in dB, for pixels in [0, 1], that no unbiased use of the readings is expected to pass.

        Args:
            noise_variance: of one reading; for exact readings that of their rounding.
            prior_variance: of one pixel before anything is read.

        Source: linear-Gaussian posterior; compare Bayesian Cramer-Rao bounds, Huang et al. 2025 (2509.20476).
        """
        return -10 * math.log10(self.posterior_variance(noise_variance, prior_variance))


def spectrum(model: Model, images: Tensor, labels: Tensor, targets: Targets) -> Spectrum:
    """The spectrum of the readings' Jacobian at one batch, computed in float64.

    An auditor calls it at the true images and gets a bound for all adversaries; an adversary at its own.

    Args:
        model: a network whose layers all have rules (`model.batched`).
        images: (B, *input_shape), at most some thousand numbers.
        labels: (B,), or class probabilities (B, classes).
        targets: readings of one victim; only their weights matter.
    """
    matrix = gram(model.double(), images.double(), labels, targets.double())
    return Spectrum(torch.linalg.eigvalsh(matrix).clamp_min(0))
