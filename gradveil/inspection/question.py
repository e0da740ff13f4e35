"""The question that a user asks of one update."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gradveil.inspection.errors import InspectionError


@dataclass(frozen=True)
class Question:
    """What can be read out of this update?

    Attributes:
        update: a safetensors file with the mean gradient over a batch; see `read_update`.
        model: `module:callable`, called without arguments, or `NAME@SEED`, a network of gradveil.models.
        presets: of `attacks`, in the order in which they run.
        layout: a JSON file that says what a flat vector is made of; see `read_layout`.
        selection: a file with the coordinates that stay closed, as `Selection.save` writes it.
        input_shape: of one image: 1 or 3 channels, height, width.
        classes: of a network of gradveil.models; others say it by themselves.
        batch: examples behind the update.
        labels: theirs, if granted.
        value_range: what the network is given for black and for white.
        batch_norm: whether the client normalised by running statistics or by those of its batch.
        seed: of everything random.
        device: `cpu` or `cuda`.

    Raises:
        InspectionError: shape, range or labels that no images have.
    """

    update: Path
    model: str
    presets: tuple[str, ...]
    layout: Path | None = None
    selection: Path | None = None
    input_shape: tuple[int, int, int] = (3, 32, 32)
    classes: int = 10
    batch: int = 1
    labels: tuple[int, ...] | None = None
    value_range: tuple[float, float] = (0.0, 1.0)
    batch_norm: Literal["running", "batch"] = "running"
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        if len(self.input_shape) != 3 or self.input_shape[0] not in (1, 3) or min(self.input_shape) < 1:
            raise InspectionError(f"no images are {self.input_shape}; give 1 or 3 channels, height, width")
        if not _is_range(*self.value_range):
            raise InspectionError(f"{self.value_range} is no range; give the values of black and white")
        if self.labels is not None and len(self.labels) != self.batch:
            raise InspectionError(f"{len(self.labels)} labels for {self.batch} examples; give one for each")


def _is_range(low: float, high: float) -> bool:
    return math.isfinite(low) and math.isfinite(high) and low < high
