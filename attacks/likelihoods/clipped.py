"""Gradients that a client scaled down to a norm before it added noise."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from attacks.checks import require_positive
from attacks.gradients import Gradient, Targets
from attacks.gradients.blocks import Block, Dense
from attacks.likelihoods.base import Likelihood
from attacks.likelihoods.gaussian import Gaussian


@dataclass(frozen=True)
class Clipped:
    """The prediction is clipped as the client clips; then the errors are those of the noise.

    Exact for one client's update whose mean gradient is clipped as one vector, whatever part of it is read.

    Attributes:
        norm: largest norm of the mean gradient.
        order: of the norm, 1 or 2.
        noise: likelihood of what was added afterwards.

    Source: the mechanism of Abadi et al. 2016 (CCS), algorithm 1, inside the likelihood of Balunovic et al.
        2022 (ICLR), equation 4.
    """

    norm: float
    order: Literal[1, 2] = 2
    noise: Likelihood = field(default_factory=Gaussian)

    def __post_init__(self) -> None:
        require_positive("norm", self.norm)

    def negative_log(self, gradient: Gradient, targets: Targets) -> Tensor:
        """That of the noise at clipped predictions, (R,)."""
        return self.noise.negative_log(self._clipped(gradient, targets), targets)

    def compared(self, gradient: Gradient, targets: Targets) -> tuple[Gradient, Targets]:
        """Clipped predictions, and the readings as they are."""
        return self._clipped(gradient, targets), targets

    def _clipped(self, gradient: Gradient, targets: Targets) -> Gradient:
        dense = {name: block.dense() for name, block in gradient.blocks.items()}
        whole = torch.cat(list(dense.values()), dim=1)
        tiny = torch.finfo(whole.dtype).tiny
        norms = torch.linalg.vector_norm(whole, self.order, dim=1, keepdim=True).clamp_min(tiny)
        scales = (self.norm * targets.examples / norms).clamp_max(1)
        clipped: Mapping[str, Block] = {name: Dense(values * scales) for name, values in dense.items()}
        return Gradient(clipped)
