"""What every attack shares: the harness validates, the author of an attack writes `run`."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import torch
from numpy.typing import NDArray

from attacks.errors import AttackError
from attacks.model import Model
from gradveil.exchange import Observation


@dataclass(frozen=True, eq=False)
class Found:
    """A reconstruction, chosen by the attack's own objective.

    Attributes:
        images: float32 (B, *input_shape), clamped to the value range; B examples of `clients` together.
        labels: what the attack takes the labels to be, or None if it has no opinion.
        clients: whose examples these are, jointly and in no order.
        objective: the attack's own figure of merit; lower is better.
    """

    images: NDArray[np.float32]
    labels: tuple[int, ...] | None
    clients: tuple[str, ...]
    objective: float


class Attack(ABC):
    """An adversary that turns an observation into a reconstruction; it never sees the truth."""

    name: ClassVar[str]
    citation: ClassVar[str]

    @final
    def reconstruct(
        self, observation: Observation, model: Model, *, client: str, rng: torch.Generator
    ) -> Found:
        """Reconstruct the examples behind one client's update.

        Args:
            observation: what the server holds.
            model: the public network; its layout must be the observation's.
            client: whom to attack; the group the readings allow may be larger.
            rng: a CPU generator; the only source of randomness.

        Raises:
            LayoutMismatchError: model and observation speak of different vectors.
            NotApplicableError: the observation lacks what this attack needs.
            AttackError: no finite reconstruction was found.
        """
        model.layout.require_same(observation.layout)
        if observation.knowledge.local_steps != 1:
            raise AttackError(f"{self.name} assumes one local step; use a multi-step attack")
        found = self.run(observation, model, client, rng)
        if not np.isfinite(found.images).all():
            raise AttackError(f"{self.name} diverged; try another seed or more restarts")
        low, high = observation.knowledge.value_range
        return Found(found.images.clip(low, high), found.labels, found.clients, found.objective)

    @abstractmethod
    def run(self, observation: Observation, model: Model, client: str, rng: torch.Generator) -> Found:
        """The attack itself; inputs are validated, the result is checked and clamped by the harness."""
