"""Secrets that a search begins with, or that are known."""

from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.model import Model
from attacks.model.hidden import Hidden
from attacks.nuisances.base import Nuisance


@dataclass(frozen=True, kw_only=True, eq=False)
class _About:
    """Something that is given, (1, ...), about the values of a nuisance."""

    of: Nuisance
    given: Tensor

    @property
    def name(self) -> str:
        """That of the nuisance."""
        return self.of.name


class GivenSecret(_About):
    """A nuisance whose first guess (1, ...) is given."""

    def start(self, rows: int, examples: int, model: Model, rng: torch.Generator) -> Tensor:
        """The given values, for every row, in the model's type."""
        return self.given.to(model.device, model.dtype).repeat(rows, *(1,) * (self.given.ndim - 1))

    def hidden(self, values: Tensor) -> Hidden:
        """As of the nuisance."""
        return self.of.hidden(values)

    def negative_log(self, values: Tensor) -> Tensor:
        """As of the nuisance, (R,)."""
        return self.of.negative_log(values)


class KnownSecret(_About):
    """A nuisance whose values (1, ...) are known, so that nothing of it is solved for."""

    def start(self, rows: int, examples: int, model: Model, rng: torch.Generator) -> Tensor:
        """No unknowns, (R, 0)."""
        return torch.empty(rows, 0, device=model.device, dtype=model.dtype)

    def hidden(self, values: Tensor) -> Hidden:
        """As of the nuisance at what is known, for as many rows as there are values."""
        known = self.given.to(values).repeat(len(values), *(1,) * (self.given.ndim - 1))
        return self.of.hidden(known)

    def negative_log(self, values: Tensor) -> Tensor:
        """Zeros (R,)."""
        return values.new_zeros(len(values))
