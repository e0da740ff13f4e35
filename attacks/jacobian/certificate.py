"""Whether a reconstruction must be right, as its finder can tell without the truth."""

from dataclasses import dataclass

from torch import Tensor

from attacks.evidence import residual
from attacks.gradients import Targets
from attacks.jacobian.spectrum import Spectrum, spectrum
from attacks.model import Model

_FLOAT_PRECISION = 1e-5
"""Relative residual that rounding of float32 sums explains."""


@dataclass(frozen=True)
class Certificate:
    """What the readings say about a reconstruction.

    Attributes:
        rank: of the visible Jacobian at the reconstruction.
        dimension: number of pixels; `rank` below it means that other images read the same nearby.
        relative_residual: norm of the difference to the readings over the norm of the readings.
        psnr: in dB, expected from the residual and the spectrum, if the solution is the right one.
    """

    rank: int
    dimension: int
    relative_residual: float
    psnr: float

    @property
    def unique(self) -> bool:
        """Whether no direction leaves the readings as they are."""
        return self.rank == self.dimension

    @property
    def exact(self) -> bool:
        """Whether the reconstruction is unique nearby and reproduces the readings to float precision."""
        return self.unique and self.relative_residual <= _FLOAT_PRECISION


def certify(model: Model, images: Tensor, labels: Tensor, targets: Targets) -> Certificate:
    """Examine a reconstruction.

    Args:
        model: a network whose layers all have rules (`model.batched`).
        images: (B, *input_shape), at most some thousand numbers.
        labels: (B,).
        targets: readings of one victim.
    """
    left = residual(model, images, labels, targets)
    found: Spectrum = spectrum(model, images, labels, targets)
    floor = (_FLOAT_PRECISION**2 * 1e-4) * left.energy
    return Certificate(
        rank=found.rank,
        dimension=found.dimension,
        relative_residual=left.relative,
        psnr=found.posterior_psnr(max(left.error, floor, 1e-300) / max(left.read, 1)),
    )
