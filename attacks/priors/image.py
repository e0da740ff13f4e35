"""Priors on pixels alone."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from attacks.checks import require_positive, require_weight
from attacks.errors import AttackError
from attacks.priors.base import Proposal


@dataclass(frozen=True)
class Box:
    """Uniform inside the value range; outside, the squared distance to it counts with this weight."""

    low: float = 0.0
    high: float = 1.0
    weight: float = 1.0

    def __post_init__(self) -> None:
        require_weight(self.weight)
        if not self.low < self.high:
            raise AttackError(
                f"the box from {self.low:g} to {self.high:g} is empty; give its lower end first"
            )

    def negative_log(self, proposal: Proposal) -> Tensor:
        """Weighted squared distance to the box, (R,)."""
        if not self.weight:
            return proposal.images.new_zeros(len(proposal.images))
        outside = proposal.images - proposal.images.clamp(self.low, self.high)
        return self.weight * outside.square().flatten(1).sum(1)


@dataclass(frozen=True)
class TotalVariation:
    """Laplace prior on differences of neighbouring pixels, smoothed near zero; any number of channels.

    Attributes:
        weight: inverse scale of the differences.
        softening: differences below this count like their squares.
        isotropic: whether a pixel's two differences enter as one vector, by its length; else one by one.

    Source: Geiping et al. 2020 (Inverting Gradients), equation 4; isotropic as Rudin et al. 1992.
    """

    weight: float
    softening: float = 1e-3
    isotropic: bool = False

    def __post_init__(self) -> None:
        require_weight(self.weight)
        require_positive("softening", self.softening)

    def negative_log(self, proposal: Proposal) -> Tensor:
        """Weighted sum of smoothed absolute differences along rows and columns, (R,)."""
        down, across = (step.square() for step in _steps(proposal.images))
        if self.isotropic:
            return self.weight * self._smooth(F.pad(down, (0, 0, 0, 1)) + F.pad(across, (0, 1)))
        return self.weight * (self._smooth(down) + self._smooth(across))

    def _smooth(self, squares: Tensor) -> Tensor:
        return (squares + self.softening**2).sqrt().flatten(1).sum(1)


@dataclass(frozen=True)
class SquaredVariation:
    """Normal prior on differences of neighbouring pixels; any number of channels.

    Attributes:
        weight: half the inverse variance of the differences.

    Source: the total variation of Balunovic et al. 2022 (ICLR) as its authors' code measures it, but for the
        differences across the border between opposite sides, which that code counts too.
    """

    weight: float

    def __post_init__(self) -> None:
        require_weight(self.weight)

    def negative_log(self, proposal: Proposal) -> Tensor:
        """Weighted sum of squared differences along rows and columns, (R,)."""
        down, across = (step.square().flatten(1).sum(1) for step in _steps(proposal.images))
        return self.weight * (down + across)


def _steps(images: Tensor) -> tuple[Tensor, Tensor]:
    """Differences down (..., H - 1, W) and across (..., H, W - 1)."""
    return images.diff(dim=-2), images.diff(dim=-1)
