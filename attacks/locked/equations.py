"""An image, and scale and shift of each channel of its convolution, as one linear least-squares problem."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from attacks.exact.recursion.layer import Layer
from attacks.locked.squares import curvature, descent

_REFINEMENTS = 3
_ANCHORED = 1e4
"""Weight of what is known of scales and shifts, beside equations of weight one."""

_RIDGE = 1e-14


@dataclass(frozen=True, eq=False)
class Anchors:
    """Scales and shifts (O,) where they are known; without any, a mean scale is taken to be one."""

    scales: Tensor
    shifts: Tensor


@dataclass(frozen=True, eq=False)
class Equations:
    """Linear in the image x, and in s and t of every output channel o of a convolution.

    What enters the activation is u = gamma zhat + beta, so that the convolution's outputs are W x = s u + t,
    and its weights' gradient is sum k x / s with the gradient k at u, brought before the normalisation but
    for the factor 1 / s. Nothing here knows gamma, beta or what they were made of.

    Attributes:
        layer: the convolution, O outputs at Q positions, C inputs of S pixels, T taps.
        arguments: u (O, Q).
        known: their inverse errors, 0 to 1 (O, Q); zero where nothing is known.
        signal: k (O, Q), zero for channels that nothing is known of.
        gradient: readings (C, O T) of the weights' gradient.
        read: 0 or 1 (C, O T), which there are.
        bias: readings (O,) of the bias's gradient, which is sum k / s.
        bias_read: 0 or 1 (O,), which there are that say anything of s.
        anchors: what is known of s and t, or None.
    """

    layer: Layer
    arguments: Tensor
    known: Tensor
    signal: Tensor
    gradient: Tensor
    read: Tensor
    bias: Tensor
    bias_read: Tensor
    anchors: Anchors | None

    def solved(self, smoothness: float) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs (C S,), scales and shifts (O,), by normal equations, corrected by residuals.

        Where contrast is open, all are up to one common factor.

        Args:
            smoothness: weight of squared differences of neighbouring pixels.
        """
        matrix = self._matrix + smoothness * self._variation_matrix
        matrix.diagonal().add_(_RIDGE * matrix.diagonal().max())
        factor, point = torch.linalg.cholesky(matrix), self._origin
        for _ in range(1 + _REFINEMENTS):
            left = descent(self._squares, point) + smoothness * descent(self._variation, point)
            point = point + torch.cholesky_solve(left.mT, factor).mT
        inputs, scales, shifts = self._split(point)
        return inputs[0], scales[0], shifts[0]

    @property
    def contrast_open(self) -> bool:
        """Whether a common factor of image, scales and shifts leaves all equations as they are."""
        return self.anchors is None and not bool(self.bias_read.any())

    @property
    def _origin(self) -> Tensor:
        return self.arguments.new_zeros(1, self.layer.unknowns + 2 * len(self.arguments))

    @cached_property
    def _matrix(self) -> Tensor:
        """Half the second derivative (n, n) of the squares."""
        return curvature(self._squares, self._origin)

    @cached_property
    def _variation_matrix(self) -> Tensor:
        """The same of the variation."""
        return curvature(self._variation, self._origin)

    def _squares(self, points: Tensor) -> Tensor:
        inputs, scales, shifts = self._split(points)
        made = scales[..., None] * self.arguments + shifts[..., None]
        outputs = self.layer.outputs(inputs).reshape(made.shape)
        squares = self._weights_scale * (self.known * (outputs - made)).square().sum()
        images = inputs.reshape(len(points), self.layer.input_shape[0], -1)
        wanted = self._by_tap(scales)[:, None] * self.gradient
        left = self.read * (images @ self._coefficients.mT - wanted)
        squares = squares + self._gradient_scale * left.square().sum()
        return squares + _ANCHORED * self._anchored(scales, shifts)

    def _variation(self, points: Tensor) -> Tensor:
        maps = self._split(points)[0].reshape(-1, *self.layer.input_shape)
        return maps.diff(dim=-1).square().sum() + maps.diff(dim=-2).square().sum()

    def _anchored(self, scales: Tensor, shifts: Tensor) -> Tensor:
        if self.anchors is not None:
            alive = self.known.any(1)
            apart = (scales - self.anchors.scales).square() + (shifts - self.anchors.shifts).square()
            return (alive * apart).sum()
        if self.contrast_open:
            sizes = self.known.amax(1)
            return (scales @ sizes / sizes.sum().clamp_min(1e-300) - 1).square().sum()
        apart = (self.bias_read * (scales * self.bias - self.signal.sum(1))).square().sum()
        return apart / (self.bias_read * self.bias).square().mean().clamp_min(1e-300)

    def _split(self, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        channels = len(self.arguments)
        inputs, scales, shifts = torch.split(points, [self.layer.unknowns, channels, channels], dim=1)
        return inputs, scales, shifts

    def _by_tap(self, scales: Tensor) -> Tensor:
        return scales.repeat_interleave(self.layer.weight.shape[2], dim=1)

    @cached_property
    def _coefficients(self) -> Tensor:
        """K (O T, S)."""
        return self.layer.coefficients(self.signal.flatten())

    @cached_property
    def _weights_scale(self) -> float:
        """What makes the mean square norm of a weight constraint one."""
        weight = self.layer.weight
        return len(weight) / float(weight.square().sum().clamp_min(1e-300))

    @cached_property
    def _gradient_scale(self) -> float:
        """The same for a gradient constraint."""
        return len(self._coefficients) / float(self._coefficients.square().sum().clamp_min(1e-300))
