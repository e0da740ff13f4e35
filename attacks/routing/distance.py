"""Images against what is known of a trunk: its features and its convolutions' gradients."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from attacks.annealing import Progress
from attacks.gradients import Block as Part
from attacks.gradients import Gradient
from attacks.model import Model
from attacks.priors import Prior, Proposal
from attacks.routing.known import Known, convolutions_energy
from attacks.routing.layer import root_mean_square
from attacks.routing.trunk import Trunk
from attacks.routing.windows import spread
from attacks.smoothing import soft_pool


@dataclass(frozen=True, eq=False)
class TrunkDistance:
    """Relative squared errors of features and of convolutions' gradients, plus the prior, of R images.

    The layers behind the trunk do not enter: their signal is known. So is which windows of the last block
    are alive, whose ReLU is the identity.

    Attributes:
        model: the public network.
        trunk: its convolutions.
        known: what was read.
        prior: on images.
        precision: weight of the errors beside the prior.
        convolutions: weight of the convolutions' errors beside those of the features.
        sharpness: of ReLU and pooling, in units of one over the features' root mean square; None: real ones.
    """

    model: Model
    trunk: Trunk
    known: Known
    prior: Prior
    precision: float
    convolutions: float = 1.0
    sharpness: float | None = None

    def __call__(self, points: Tensor, progress: Progress = 1.0) -> tuple[Tensor, Tensor]:
        """Values (R,) and gradients (R, d) at images (R, d)."""
        points = points.detach().requires_grad_()
        images = points.reshape(-1, *self.model.input_shape)
        features, gradient = self._pass(images)
        error = (features - self.known.features).square().flatten(1).sum(1)
        error = error / self.known.features.square().sum()
        energy = convolutions_energy(self.known, self.trunk).clamp_min(1e-300)
        if self.convolutions > 0:
            error = error + self.convolutions * gradient.square_error(self.known.targets) / energy
        values = 0.5 * self.precision * error + self.prior.negative_log(Proposal(images[:, None]))
        (gradients,) = torch.autograd.grad(values.sum(), points)
        return values.detach(), gradients

    def _pass(self, images: Tensor) -> tuple[Tensor, Gradient]:
        """Features (R, C, h, w) and the convolutions' gradients of R images under the known signal."""
        inputs, outputs = [], []
        sharpness = None if self.sharpness is None else self.sharpness / root_mean_square(self.known.features)
        for block in self.trunk.blocks[:-1]:
            inputs.append(images)
            outputs.append(block.outputs(images))
            images = block.pooled(outputs[-1], sharpness)
        inputs.append(images)
        outputs.append(self.trunk.blocks[-1].outputs(images))
        features = self._last_pooled(outputs[-1], sharpness)
        deltas = torch.autograd.grad((features * self.known.signal).sum(), outputs, create_graph=True)
        parts: dict[str, Part] = {}
        for block, entering, delta in zip(self.trunk.blocks, inputs, deltas, strict=True):
            parts |= self.model.blocks(block.name, entering[:, None], delta[:, None])
        return features, Gradient(parts)

    def _last_pooled(self, outputs: Tensor, sharpness: float | None) -> Tensor:
        """Features of the last block, with the identity for ReLU where a window is known to be alive."""
        block, features = self.trunk.blocks[-1], self.known.features
        side, size = block.side, block.size
        alive = spread((features > 0)[..., None].expand(*features.shape, side * side), side, size)
        rectified = torch.where(alive, outputs, F.relu(outputs))
        if sharpness is None:
            return F.max_pool2d(rectified, side)
        return soft_pool(rectified, sharpness, side)
