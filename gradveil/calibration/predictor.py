"""How much a selection leaves readable, without an attack."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.jacobian.spectrum import UNIFORM_VARIANCE
from gradveil.calibration.directional import Directional
from gradveil.calibration.errors import CalibrationError
from gradveil.calibration.examples import Examples
from gradveil.exchange import Selection

PREDICTABLE_PIXELS = 4096
"""Pixels up to which a matrix of their number squared is affordable."""

_ROOM = 4 / 3
"""Rows of a sketch for each pixel."""


@dataclass(frozen=True)
class Prediction:
    """What an adversary that does everything right would know, by linearisation at calibration images.

    Attributes:
        rank: directions of the image that the readings determine beyond their rounding, mean over images;
            partly determined ones count partly (degrees of freedom).
        dimension: number of pixels.
        psnr: in dB, posterior, for pixels in [0, 1] with a uniform pixel's variance before anything is read.
    """

    rank: float
    dimension: int
    psnr: float


def predict(
    examples: Examples, selections: Sequence[Selection], resolution: float = 3e-7
) -> list[Prediction]:
    """Visible rank and posterior PSNR behind each selection, all from one pass through the examples.

    An image's pixels are independent here, and a linear model says nothing of whether a search finds its
    way; so the figure orders selections and is no bound on PSNR where most directions are hidden.

    Args:
        examples: one or a few calibration images.
        selections: what would be encrypted; the rest is readable.
        resolution: noise of a reading over the root mean square of the gradient, that of float32 sums.

    Raises:
        CalibrationError: images of more than 4096 numbers.
        LayoutMismatchError: a selection for another model.

    Source: linear-Gaussian posterior; compare Bayesian Cramer-Rao bounds, Huang et al. 2025 (2509.20476).
    """
    for selection in selections:
        examples.model.layout.require_same(selection.layout)
    if examples.images[0].numel() > PREDICTABLE_PIXELS:
        raise CalibrationError(f"images have more than {PREDICTABLE_PIXELS} numbers; predict on smaller ones")
    variances = [_variances(examples, *one, selections, resolution) for one in examples.each()]
    pixels = examples.images[0].numel()
    return [_prediction(float(one), pixels) for one in torch.tensor(variances).mean(0)]


def _prediction(variance: float, pixels: int) -> Prediction:
    known = max(0.0, 1 - variance / UNIFORM_VARIANCE)
    return Prediction(pixels * known, pixels, -10 * math.log10(variance))


def _variances(
    examples: Examples, image: Tensor, label: Tensor, selections: Sequence[Selection], resolution: float
) -> list[float]:
    """Mean posterior variance of a pixel behind each selection."""
    at = Directional(examples.model.double(), image, label)
    noise = max(resolution * float(at.gradient.square().mean().sqrt()), 1e-300)
    visible = [_Rows(selection, image.numel(), examples.torch_rng()) for selection in selections]
    for number, direction in enumerate(torch.eye(image.numel(), dtype=torch.float64)):
        moved = at.along(direction) / noise
        for rows in visible:
            rows.put(number, moved)
    return [rows.variance() for rows in visible]


class _Rows:
    """Readable rows of a Jacobian, column by column: as they are, or as signed sums of random groups.

    Sums keep the rank while there are at least as many as columns, and all norms on average.

    Source: count sketch as a subspace embedding, Clarkson and Woodruff 2013 (STOC).
    """

    def __init__(self, selection: Selection, columns: int, rng: torch.Generator) -> None:
        self._visible = torch.from_numpy(selection.complement)
        self._sums = math.ceil(_ROOM * columns)
        self._direct = len(self._visible) <= self._sums
        if not self._direct:
            self._place = torch.randint(self._sums, (len(self._visible),), generator=rng)
            self._sign = torch.randint(2, (len(self._visible),), generator=rng).double() * 2 - 1
        self._columns = torch.zeros(columns, min(len(self._visible), self._sums), dtype=torch.float64)

    def put(self, column: int, moved: Tensor) -> None:
        """Keep one column (P,)."""
        seen = moved.cpu()[self._visible]
        if self._direct:
            self._columns[column] = seen
        else:
            self._columns[column].index_add_(0, self._place, self._sign * seen)

    def variance(self) -> float:
        """Mean variance of a pixel given these rows with noise of variance 1."""
        prior = torch.eye(len(self._columns), dtype=torch.float64) / UNIFORM_VARIANCE
        factor = torch.linalg.cholesky(self._columns @ self._columns.T + prior)
        return float(torch.cholesky_inverse(factor).diagonal().mean())
