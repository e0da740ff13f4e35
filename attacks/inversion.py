"""Images with the inputs of a layer that are known."""

from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.annealing import Progress
from attacks.model import Model
from attacks.priors import Prior, Proposal


@dataclass(frozen=True, eq=False)
class LayerDistance:
    """Weighted squared distance of a layer's inputs to the known ones, plus the prior; a row is an example.

    R rows are R / B starts of all B examples.

    Attributes:
        model: the public network.
        layer: whose inputs are known.
        inputs: (B, n), of each example.
        weights: (B, n), of the squared errors; zero where nothing is known.
        prior: on every image alone.
    """

    model: Model
    layer: str
    inputs: Tensor
    weights: Tensor
    prior: Prior

    def __call__(self, points: Tensor, progress: Progress = 1.0) -> tuple[Tensor, Tensor]:
        """Values (R,) and gradients (R, d) at images (R, d)."""
        points = points.detach().requires_grad_()
        images = points.reshape(-1, *self.model.input_shape)
        starts = len(points) // len(self.inputs)
        inputs, weights = (one.to(points).repeat(starts, 1) for one in (self.inputs, self.weights))
        errors = self.model.inputs_of(self.layer, images) - inputs
        values = (weights * errors.square()).sum(1) + self.prior.negative_log(Proposal(images[:, None]))
        (gradients,) = torch.autograd.grad(values.sum(), points)
        return values.detach(), gradients
