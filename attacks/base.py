"""What every attack shares: the harness validates, the author of an attack writes `run`."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, final

import numpy as np
import torch
from numpy.typing import NDArray

from attacks.errors import AttackError, NotApplicableError
from attacks.jacobian import Certificate
from attacks.model import Model
from gradveil.exchange import Knowledge, Observation


@dataclass(frozen=True, eq=False)
class Found:
    """A reconstruction, chosen by the attack's own objective.

    Attributes:
        images: float32 (B, *input_shape), clamped to the value range; B examples of `clients` together.
        labels: what the attack takes the labels to be, or None if it has no opinion.
        clients: whose examples these are, jointly and in no order.
        objective: the attack's own figure of merit; lower is better.
        certificate: what the readings say about it, if the attack asked; `exact` needs no truth to believe.
        unexplained: squared error over squared readings that it leaves, secrets of a defense that the attack
            solved for included; None if the attack does not say.
        origin: which of its ways an attack with several of them owes it to.
    """

    images: NDArray[np.float32]
    labels: tuple[int, ...] | None
    clients: tuple[str, ...]
    objective: float
    certificate: Certificate | None = None
    unexplained: float | None = None
    origin: str = ""

    def within(self, knowledge: Knowledge) -> "Found":
        """The same with images clamped to the value range that is known."""
        return replace(self, images=self.images.clip(*knowledge.value_range))


@dataclass(frozen=True, eq=False)
class Case:
    """One victim: whose examples are sought, and what the server holds."""

    observation: Observation
    client: str


LocalSteps = Literal["one", "several", "any"]
"""One, whose update is a gradient; several, whose update is a change of the weights; or whatever it is."""


class Attack(ABC):
    """An adversary that turns an observation into a reconstruction; it never sees the truth."""

    name: ClassVar[str]
    citation: ClassVar[str]

    @property
    def local_steps(self) -> LocalSteps:
        """Behind how many optimiser steps of a client it can look."""
        return "one"

    @property
    def auxiliary_data(self) -> str:
        """What the attack knows of other images than the victim's; a record must show it."""
        return "none"

    @property
    def assumptions(self) -> Mapping[str, str]:
        """What it takes for granted beside the observation's knowledge, by name; a record must show it."""
        return {}

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
        return self.reconstruct_many([Case(observation, client)], model, rng=rng)[0]

    @final
    def reconstruct_many(self, cases: Sequence[Case], model: Model, *, rng: torch.Generator) -> list[Found]:
        """Reconstruct for several victims of one model; searches run them side by side in one batch.

        Raises:
            As `reconstruct`, and AttackError if there is no victim.
        """
        if not cases:
            raise AttackError("no victim was given; name at least one observation and client")
        for case in cases:
            require_fit(self.name, case.observation, model, self.local_steps)
        found = self.run_many(cases, model, rng)
        return [self._checked(one, case.observation) for one, case in zip(found, cases, strict=True)]

    def _checked(self, found: Found, observation: Observation) -> Found:
        if not np.isfinite(found.images).all():
            raise AttackError(f"{self.name} diverged; try another seed or more restarts")
        return found.within(observation.knowledge)

    @abstractmethod
    def run(self, observation: Observation, model: Model, client: str, rng: torch.Generator) -> Found:
        """The attack itself; inputs are validated, the result is checked and clamped by the harness."""

    def run_many(self, cases: Sequence[Case], model: Model, rng: torch.Generator) -> list[Found]:
        """One victim after the other, unless an attack can do better."""
        return [self.run(case.observation, model, case.client, rng) for case in cases]


def require_fit(name: str, observation: Observation, model: Model, steps: LocalSteps = "one") -> None:
    """Raise unless the observation is of this model and of as many local steps as an attack can look behind.

    Raises:
        LayoutMismatchError: model and observation speak of different vectors.
        NotApplicableError: a change of weights for an attack on gradients, or the other way round.
    """
    model.layout.require_same(observation.layout)
    several = observation.knowledge.local_steps != 1
    if steps == "one" and several:
        raise NotApplicableError(f"{name} assumes one local step; use a multi-step attack")
    if steps == "several" and not several:
        raise NotApplicableError(f"{name} needs several local steps; one is a gradient, match it as one")
