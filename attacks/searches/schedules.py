"""How a learning rate falls during a search; on tensors only, so that a captured step can follow it."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Schedule = Callable[[Tensor, int], Tensor]
"""From a step (a scalar tensor, 0 first) and the number of steps to a factor of the learning rate."""


def steady(step: Tensor, steps: int) -> Tensor:
    """The same learning rate throughout."""
    return torch.ones_like(step)


@dataclass(frozen=True)
class Milestones:
    """The learning rate is multiplied once at each of these shares of the search.

    Source: Geiping et al. 2020 (Inverting Gradients), published settings: 0.1 at 3/8, 5/8 and 7/8.
    """

    factor: float = 0.1
    at: tuple[float, ...] = (3 / 8, 5 / 8, 7 / 8)

    def __call__(self, step: Tensor, steps: int) -> Tensor:
        """The factor to the power of the milestones passed."""
        passed = torch.stack([step >= share * steps for share in self.at]).sum()
        return torch.pow(self.factor, passed.to(step.dtype))


@dataclass(frozen=True)
class Exponential:
    """The learning rate is multiplied at every step.

    Source: Balunovic et al. 2022 (ICLR), published code: 0.94 to 1 a step.
    """

    decay: float

    def __call__(self, step: Tensor, steps: int) -> Tensor:
        """The decay to the power of the steps done."""
        return torch.pow(self.decay, step)


@dataclass(frozen=True)
class CosineDecay:
    """The learning rate rises linearly for some steps and then falls to zero along half a cosine.

    Attributes:
        warm_up: steps of the rise.

    Source: Yin et al. 2021 (GradInversion), with 50 steps of warm-up.
    """

    warm_up: int = 50

    def __call__(self, step: Tensor, steps: int) -> Tensor:
        """The smaller one of both factors, which a search shorter than the warm-up never leaves."""
        rising = (step + 1) / (self.warm_up + 1)
        return torch.minimum(rising, 0.5 * (1 + torch.cos(torch.pi * step / steps)))
