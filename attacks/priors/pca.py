"""A normal density with few principal axes and one variance for all other directions."""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from attacks.errors import AttackError


@dataclass(frozen=True, eq=False)
class PrincipalAxes:
    """N(mean, axes^T diag(variances) axes + residual (I - axes^T axes)) over vectors of D elements.

    Attributes:
        mean: (D,).
        axes: (k, D), orthonormal rows.
        variances: (k,), along the axes.
        residual: variance in every direction orthogonal to them.

    Source: Tipping and Bishop 1999, equations 7 and 8 (maximum likelihood of probabilistic PCA).
    """

    mean: Tensor
    axes: Tensor
    variances: Tensor
    residual: float

    @classmethod
    def fitted(cls, points: Tensor, rank: int) -> "PrincipalAxes":
        """The most likely density for points (N, D), computed in float64, given in their type.

        Raises:
            AttackError: the rank is not positive, or leaves no variance for the other directions.
        """
        count, size = points.shape
        if not 0 < rank < min(count - 1, size):
            raise AttackError(
                f"rank {rank} does not fit {count} points of {size} elements; give a smaller one"
            )
        mean = points.double().mean(0)
        triangle = torch.linalg.qr(points.double() - mean, mode="r").R
        _, singular, axes = torch.linalg.svd(triangle, full_matrices=False)
        variances = singular.square() / count
        residual = float(variances[rank:].sum()) / (size - rank)
        if not residual > float(variances[0]) * torch.finfo(points.dtype).eps:
            raise AttackError(f"{rank} axes explain all variance of the points; give a smaller rank")
        kind = points.dtype
        return cls(mean.to(kind), axes[:rank].to(kind), variances[:rank].to(kind), residual)

    def negative_log(self, points: Tensor) -> Tensor:
        """Negative log-density (...) of points (..., D), constants included.

        By Woodbury's identity in the axes' basis: no covariance is formed or inverted, and no large numbers
        are subtracted from each other.
        """
        axes, variances = self.axes.to(points), self.variances.to(points)
        centred = points - self.mean.to(points)
        along = centred @ axes.mT
        beside = (centred - along @ axes).square().sum(-1) / self.residual
        return 0.5 * ((along.square() / variances).sum(-1) + beside + self._log_volume)

    @cached_property
    def _log_volume(self) -> float:
        rank, size = self.axes.shape
        along = float(self.variances.double().log().sum())
        return size * math.log(2 * math.pi) + along + (size - rank) * math.log(self.residual)
