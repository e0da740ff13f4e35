"""The inputs of a routed layer as free numbers: least squares by conjugate gradients."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from attacks.routing.layer import RoutedLayer
from attacks.routing.windows import spread


@dataclass(frozen=True, eq=False)
class FreeInputs:
    """Weighted squared errors of the weight gradient and of the winning outputs, quadratic in the inputs.

    Attributes:
        layer: what is known.
        deltas: gradients at the convolution's outputs (C, positions).
        winners: which position won each window, one-hot (C, h, w, n); all zero where none did.
        weight: of the relative squared error of the features beside that of the weight gradient.
        pull: weight of the squared distance from where the search begins.
    """

    layer: RoutedLayer
    deltas: Tensor
    winners: Tensor
    weight: float
    pull: float

    def solved(self, start: Tensor, iterations: int) -> Tensor:
        """The minimum (I, ...) by this many steps of conjugate gradients from the start.

        Source: Nocedal and Wright 2006, algorithm 5.2.
        """
        moved = torch.zeros_like(start)
        residual = self._descent(start)
        direction, square = residual, residual.square().sum()
        for _ in range(iterations):
            curved = self._curved(direction, start)
            step = square / (direction * curved).sum().clamp_min(1e-300)
            moved, residual = moved + step * direction, residual - step * curved
            before, square = square, residual.square().sum()
            direction = residual + square / before.clamp_min(1e-300) * direction
        return start + moved

    def _descent(self, inputs: Tensor) -> Tensor:
        """Negative gradient, of half the sum, at the start."""
        layer, seen = self.layer, self.layer.block.patches(inputs)
        gradient = layer.gradient - layer.mask * (self.deltas @ seen.mT)
        outputs = layer.outputs(inputs)
        wanted = spread(self.winners * layer.features[..., None], layer.block.side, layer.block.size)
        return self._adjoint(gradient, (wanted - self._positions * outputs).flatten(1), inputs)

    def _curved(self, direction: Tensor, like: Tensor) -> Tensor:
        """The normal matrix times a direction."""
        seen = self.layer.block.patches(direction)
        gradient = self.layer.mask * (self.deltas @ seen.mT)
        outputs = self._positions.flatten(1) * (self.layer.block.matrix @ seen)
        return self._adjoint(gradient, outputs, like) + self.pull * direction

    def _adjoint(self, gradient: Tensor, outputs: Tensor, like: Tensor) -> Tensor:
        """From errors of the weight gradient (C, K) and of outputs (C, positions) to the inputs."""
        patches = gradient.mT @ self.deltas / self.layer.energy
        patches = patches + self.weight / self._energy * (self.layer.block.matrix.mT @ outputs)
        probe = torch.zeros_like(like, requires_grad=True)
        (back,) = torch.autograd.grad(self.layer.block.patches(probe), probe, patches)
        return back

    @cached_property
    def _energy(self) -> float:
        return float(self.layer.features.square().sum())

    @cached_property
    def _positions(self) -> Tensor:
        """Which positions (C, H, W) won, as 0 and 1."""
        return spread(self.winners, self.layer.block.side, self.layer.block.size)
