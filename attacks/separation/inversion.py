"""Images with the inputs of a layer that are known."""

from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.annealing import Progress
from attacks.model import Model
from attacks.priors import Prior, Proposal
from attacks.separation.chain import Separated


@dataclass(frozen=True, eq=False)
class LayerDistance:
    """Relative squared distance of a layer's inputs to the known ones, plus the prior; a row is an example.

    R rows are R / B starts of all B examples.

    Attributes:
        model: the public network.
        separated: what is known of B examples.
        prior: on every image alone.
        precision: of the known inputs, relative to their variation from unit to unit.
    """

    model: Model
    separated: Separated
    prior: Prior
    precision: float

    def __call__(self, points: Tensor, progress: Progress = 1.0) -> tuple[Tensor, Tensor]:
        """Values (R,) and gradients (R, d) at images (R, d)."""
        points = points.detach().requires_grad_()
        images = points.reshape(-1, *self.model.input_shape)
        known = self.separated.inputs.to(points)
        known = known.repeat(len(points) // len(known), 1)
        error = self.model.inputs_of(self.separated.layer, images) - known
        spread = known.var(1).clamp_min(torch.finfo(known.dtype).tiny) * known.shape[1]
        values = self.precision * error.square().sum(1) / spread
        values = values + self.prior.negative_log(Proposal(images[:, None]))
        (gradients,) = torch.autograd.grad(values.sum(), points)
        return values.detach(), gradients
