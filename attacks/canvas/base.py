"""What images are made of: the interface."""

from typing import Protocol

import torch
from torch import Tensor

from attacks.model import Model


class Canvas(Protocol):
    """How the unknowns that a search moves turn into images."""

    def start(self, rows: int, examples: int, model: Model, rng: torch.Generator) -> Tensor:
        """First guesses (R, B, ...) on the model's device, drawn from a CPU generator."""
        ...

    def images(self, values: Tensor) -> Tensor:
        """Images (R, B, C, H, W) from values (R, B, ...)."""
        ...

    def negative_log(self, values: Tensor) -> Tensor:
        """Negative log of what is believed about the values beyond the prior on their images, (R,)."""
        ...
