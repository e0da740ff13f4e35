"""Images from exact values of the first block's pooled outputs, and from rough knowledge of a later one."""

from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.annealing import Progress
from attacks.priors import Prior, Proposal
from attacks.routing.layer import RoutedLayer
from attacks.routing.trunk import Block, Trunk
from attacks.routing.windows import windows


@dataclass(frozen=True, eq=False)
class RoutedDistance:
    """Relative squared errors of a layer's features and, with the deltas fixed, its weight gradient.

    Attributes:
        trunk: the network's convolutions.
        depth: which block of it the layer is.
        layer: what is known there.
        deltas: gradients at the convolution's outputs (C, positions).
        prior: on images.
        shape: of an image.
        precision: weight of the errors beside the prior.
    """

    trunk: Trunk
    depth: int
    layer: RoutedLayer
    deltas: Tensor
    prior: Prior
    shape: tuple[int, ...]
    precision: float

    def __call__(self, points: Tensor, progress: Progress = 1.0) -> tuple[Tensor, Tensor]:
        """Value (1,) and gradient (1, d) at one image (1, d)."""
        points = points.detach().requires_grad_()
        images = points.reshape(-1, *self.shape)
        inputs = self.trunk.inputs_of(self.depth, images)
        block, layer = self.layer.block, self.layer
        features = block.pooled(block.outputs(inputs))[0] - layer.features
        gradient = layer.mask * (self.deltas @ block.patches(inputs[0]).mT) - layer.gradient
        error = features.square().sum() / layer.features.square().sum()
        error = error + gradient.square().sum() / layer.energy
        value = self.precision * error + self.prior.negative_log(Proposal(images[:, None]))
        (gradients,) = torch.autograd.grad(value.sum(), points)
        return value.detach(), gradients


_OVER = 3.0
"""An output above its window's known maximum counts more than a maximum that is not reached: it is certain
which output is wrong."""

_ALIVE = 1e-4
"""Pooled outputs above this share of the largest one count as alive."""


@dataclass(frozen=True, eq=False)
class PooledDistance:
    """Absolute errors of pooled outputs: what is missing to the maximum, and what exceeds it anywhere.

    Absolute values, smoothed near zero, leave a few windows wrong and the others exact; squares would spread
    the error of a wrong winner.

    Attributes:
        block: the first of the network.
        pooled: its known pooled outputs (C, h, w).
        prior: on images.
        shape: of an image.
        softening: errors below this share of the outputs' root mean square count like their squares.
    """

    block: Block
    pooled: Tensor
    prior: Prior
    shape: tuple[int, ...]
    softening: float

    def __call__(self, points: Tensor, progress: Progress = 1.0) -> tuple[Tensor, Tensor]:
        """Value (1,) and gradient (1, d) at one image (1, d)."""
        points = points.detach().requires_grad_()
        images = points.reshape(-1, *self.shape)
        outputs = self.block.outputs(images)[0]
        alive = self.pooled > _ALIVE * self.pooled.max()
        ceiling = torch.where(alive, self.pooled, 0.0)
        everywhere = ceiling[..., None].expand(*ceiling.shape, self.block.side**2)
        seen = windows(outputs, self.block.side)
        over = self._smooth((seen - everywhere).clamp_min(0)).sum()
        missing = self._smooth(((ceiling - seen.amax(-1)) * alive).clamp_min(0)).sum()
        value = missing + _OVER * over + self.prior.negative_log(Proposal(images[:, None]))
        (gradients,) = torch.autograd.grad(value.sum(), points)
        return value.detach(), gradients

    def _smooth(self, errors: Tensor) -> Tensor:
        width = self.softening * float(self.pooled.square().mean().sqrt())
        return (errors.square() + width**2).sqrt() - width
