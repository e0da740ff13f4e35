"""Where each coordinate of one round's contribution travels."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from gradveil.exchange import Coords, Layout


class Purpose(StrEnum):
    """What a round sums: updates with training metrics, or metrics of an evaluation."""

    TRAIN = "train"
    EVALUATE = "evaluate"


class Placement(StrEnum):
    """How numbers of examples and metrics travel."""

    MASKED = "masked"
    ENCRYPTED = "encrypted"
    CLEAR = "clear"


@dataclass(frozen=True)
class Metric:
    """A weighted mean that the server learns besides the model.

    Attributes:
        name: as in the client's reply.
        limit: largest magnitude; larger values are clipped where metrics are masked.
        purpose: of the rounds that carry it.
    """

    name: str
    limit: float
    purpose: Purpose = Purpose.TRAIN


@dataclass(frozen=True, eq=False)
class Split:
    """Disjoint coordinates of a contribution over `layout`, its weight included; the others do not travel.

    Attributes:
        layout: parameters and, behind them, metrics as tensors of one value.
        parameters: how many of the values are the model's.
        encrypted: under homomorphic encryption.
        masked: through secure aggregation.
        clear: readable for the server, each client's by itself.
    """

    layout: Layout
    parameters: int
    encrypted: Coords
    masked: Coords
    clear: Coords

    @property
    def masked_values(self) -> Coords:
        """The masked coordinates without the weight, which `secagg` carries by itself."""
        found: Coords = self.masked[self.masked != self.layout.weight_coord]
        return found

    @property
    def readable(self) -> NDArray[np.bool_]:
        """True at the model's coordinates whose sum the server learns, shape (parameters,)."""
        found = np.zeros(self.layout.wire_size, dtype=np.bool_)
        found[self.masked] = found[self.clear] = True
        return found[: self.parameters]
