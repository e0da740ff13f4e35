"""The interface of all nuisances."""

from typing import Protocol

import torch
from torch import Tensor

from attacks.model import Model
from attacks.model.hidden import Hidden


class Nuisance(Protocol):
    """Something secret that shaped the readings: p(g|x) is the integral of p(g|x, secret) p(secret)."""

    @property
    def name(self) -> str:
        """What it is called among the unknowns; unique in one attack."""
        ...

    def start(self, rows: int, examples: int, model: Model, rng: torch.Generator) -> Tensor:
        """First guesses (R, ...) on the model's device, drawn from a CPU generator."""
        ...

    def hidden(self, values: Tensor) -> Hidden:
        """How assumed values (R, ...) enter the model's pass."""
        ...

    def negative_log(self, values: Tensor) -> Tensor:
        """Negative log of what is believed about the secret, (R,)."""
        ...
