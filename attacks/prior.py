"""What the adversary believes about images before it reads anything."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


class Prior(Protocol):
    """log p(x), up to a constant."""

    def negative_log(self, images: Tensor) -> Tensor:
        """Scalar for a batch of images (B, C, H, W)."""
        ...


@dataclass(frozen=True)
class Box:
    """Uniform inside the value range; outside, the squared distance to it counts with this weight."""

    low: float = 0.0
    high: float = 1.0
    weight: float = 1.0

    def negative_log(self, images: Tensor) -> Tensor:
        """Weighted squared distance to the box."""
        return self.weight * (images - images.clamp(self.low, self.high)).square().sum()


@dataclass(frozen=True)
class TotalVariation:
    """Laplace prior on differences of neighbouring pixels, smoothed near zero; any number of channels.

    Source: Geiping et al. 2020 (Inverting Gradients), equation 4.
    """

    weight: float
    softening: float = 1e-3

    def negative_log(self, images: Tensor) -> Tensor:
        """Weighted sum of smoothed absolute differences along rows and columns."""
        down = images[..., 1:, :] - images[..., :-1, :]
        across = images[..., :, 1:] - images[..., :, :-1]
        smooth = [(step.square() + self.softening**2).sqrt().sum() for step in (down, across)]
        return self.weight * (smooth[0] + smooth[1])


@dataclass(frozen=True)
class Product:
    """Independent beliefs that hold at once."""

    factors: tuple[Prior, ...]

    def negative_log(self, images: Tensor) -> Tensor:
        """Sum over the factors."""
        total = images.new_zeros(())
        for factor in self.factors:
            total = total + factor.negative_log(images)
        return total
