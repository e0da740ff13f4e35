"""From what a user names to the subject of a plan."""

from dataclasses import dataclass
from typing import Literal

import torch

from attacks import Model
from gradveil.data import load
from gradveil.inspection.network import load_network, logits_of
from gradveil.planning.errors import PlanningError
from gradveil.planning.subject import Subject, Training


@dataclass(frozen=True)
class Named:
    """A network and a sample, by name.

    Attributes:
        model: `module:callable`, called without arguments, or `NAME@SEED`, a network of gradveil.models.
        data: see `gradveil.data.load`.
        value_range: what the network is given for black and for white.
        batch_norm: whether clients normalise by running statistics or by those of their batch.
        seed: of everything random, weights of a `module:callable` included.
        device: `cpu` or `cuda`.
    """

    model: str
    data: str = "mnist5k"
    value_range: tuple[float, float] = (0.0, 1.0)
    batch_norm: Literal["running", "batch"] = "running"
    seed: int = 0
    device: str = "cpu"

    def subject(self, training: Training) -> Subject:
        """Loaded.

        Raises:
            InspectionError: there is no such model, or it does not map these images to logits.
            PlanningError: `value_range` is no range.
            GradveilError: unknown network or data, or too few images.
        """
        if not self.value_range[0] < self.value_range[1]:
            raise PlanningError(f"{self.value_range} is no range; give the values of black and white")
        dataset = load(self.data)
        source = _Source(
            self.model, dataset.input_shape, dataset.classes, self.value_range, self.batch_norm, self.device
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = load_network(source)
        model = Model(network, source.input_shape, logits_of(network, source), self.batch_norm)
        return Subject.of(network, model, dataset, training, self.seed)


@dataclass(frozen=True)
class _Source:
    model: str
    input_shape: tuple[int, int, int]
    classes: int
    value_range: tuple[float, float]
    batch_norm: Literal["running", "batch"]
    device: str
