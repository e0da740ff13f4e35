"""Normal densities fitted on other images than the victim's."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from attacks.checks import require_weight
from attacks.errors import AttackError
from attacks.priors.base import Proposal
from attacks.priors.pca import PrincipalAxes

MAX_PATCHES = 1 << 18
"""About as many patches are used to fit their density; many times more than a patch has elements."""


@dataclass(frozen=True, eq=False)
class GaussianImages:
    """Every image is an independent draw from one normal density with a few principal axes.

    Attributes:
        density: over flattened images, on the model's device.
        weight: 1 for the density itself; less makes it weaker.

    Source: Tipping and Bishop 1999.
    """

    auxiliary_data: ClassVar[str] = "images that a density was fitted to"

    density: PrincipalAxes
    weight: float = 1.0

    def __post_init__(self) -> None:
        require_weight(self.weight)

    @classmethod
    def fitted(cls, images: Tensor, rank: int, weight: float = 1.0) -> "GaussianImages":
        """Fit to auxiliary images (N, C, H, W).

        Raises:
            AttackError: the rank does not fit the images.
        """
        return cls(PrincipalAxes.fitted(images.flatten(1), rank), weight)

    def negative_log(self, proposal: Proposal) -> Tensor:
        """Weighted sum over a row's images, (R,).

        Raises:
            AttackError: images of another size than those it was fitted to.
        """
        points = proposal.images.flatten(2)
        _require_size(self.density, points.shape[-1])
        return self.weight * self.density.negative_log(points).sum(1)


@dataclass(frozen=True, eq=False)
class GaussianPatches:
    """Every square patch of an image looks like a draw from one normal density, wherever it lies.

    A product over all overlapping patches, which is no density of the whole image: each pixel counts about
    `side` squared times, which the default weight undoes.

    Attributes:
        density: over flattened patches, channels first, on the model's device.
        side: of a patch, in pixels.
        weight: against the other beliefs; None for 1 / side squared.

    Source: Zoran and Weiss 2011 (EPLL), equation 2, with a single component.
    """

    auxiliary_data: ClassVar[str] = "images whose patches a density was fitted to"

    density: PrincipalAxes
    side: int
    weight: float | None = None

    def __post_init__(self) -> None:
        require_weight(self._weight)

    @classmethod
    def fitted(
        cls, images: Tensor, rank: int, side: int, rng: torch.Generator, weight: float | None = None
    ) -> "GaussianPatches":
        """Fit to patches of auxiliary images (N, C, H, W); a CPU generator picks some of many.

        Raises:
            AttackError: the rank does not fit the patches, or the images are smaller than a patch.
        """
        if not 0 < side <= min(images.shape[-2:]):
            raise AttackError(f"patches of side {side} do not fit images {tuple(images.shape[-2:])}")
        positions = (images.shape[-2] - side + 1) * (images.shape[-1] - side + 1)
        chosen = torch.randperm(len(images), generator=rng)[: MAX_PATCHES // positions + 1]
        patches = _patches(images[chosen.to(images.device)], side).flatten(0, 1)
        return cls(PrincipalAxes.fitted(patches, rank), side, weight)

    def negative_log(self, proposal: Proposal) -> Tensor:
        """Weighted sum over all patches of a row's images, (R,).

        Raises:
            AttackError: images with another number of channels than those it was fitted to.
        """
        patches = _patches(proposal.images.flatten(0, 1), self.side)
        _require_size(self.density, patches.shape[-1])
        by_image = self.density.negative_log(patches).sum(1)
        return self._weight * by_image.reshape(proposal.images.shape[:2]).sum(1)

    @property
    def _weight(self) -> float:
        return self.side**-2 if self.weight is None else self.weight


def _patches(images: Tensor, side: int) -> Tensor:
    """Overlapping patches (N, positions, C * side * side) of images (N, C, H, W)."""
    return F.unfold(images, side).mT


def _require_size(density: PrincipalAxes, size: int) -> None:
    if len(density.mean) != size:
        raise AttackError(
            f"fitted to {len(density.mean)} values at a time, used on {size}; fit it to images of that shape"
        )
