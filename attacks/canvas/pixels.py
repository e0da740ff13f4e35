"""Images made of their pixels."""

from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.model import Model


@dataclass(frozen=True)
class Pixels:
    """The pixels themselves, first guessed uniformly in the value range."""

    low: float = 0.0
    high: float = 1.0

    def start(self, rows: int, examples: int, model: Model, rng: torch.Generator) -> Tensor:
        """Uniform noise images (R, B, *input_shape)."""
        noise = torch.rand(rows, examples, *model.input_shape, generator=rng)
        return (self.low + (self.high - self.low) * noise).to(model.device, model.dtype)

    def images(self, values: Tensor) -> Tensor:
        """The values."""
        return values

    def negative_log(self, values: Tensor) -> Tensor:
        """Zeros (R,): the prior on images says all."""
        return values.new_zeros(len(values))
