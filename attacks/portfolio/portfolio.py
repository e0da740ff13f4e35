"""Several adversaries, cheapest first; what counts is the strongest of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from attacks.auxiliary import auxiliary_data
from attacks.base import Attack, Case, Found
from attacks.evidence import readable
from attacks.explained import unexplained
from attacks.labels import restore_labels
from attacks.model import Model
from attacks.portfolio.attempts import Attempts, named
from gradveil.exchange import Observation


@dataclass(frozen=True)
class Portfolio(Attack):
    """Runs attacks in order until one is certified or time is spent; keeps what explains the readings.

    The one kept is the one whose images, given the labels found, predict the readings best: an adversary's
    own criterion, no truth. The budget decides whether a next attack begins and stops none, so that results
    depend on the machine's speed unless it is generous.

    Attributes:
        members: adversaries, cheapest first.
        budget: seconds after which no further one begins.
    """

    name: ClassVar[str] = "portfolio"
    citation: ClassVar[str] = "the worst of its members"

    members: tuple[Attack, ...]
    budget: float = 300.0

    @property
    def auxiliary_data(self) -> str:
        """That of its members."""
        return auxiliary_data(*self.members)

    def run(self, observation: Observation, model: Model, client: str, rng: torch.Generator) -> Found:
        """The best-explaining reconstruction of all applicable members.

        Raises:
            NotApplicableError: no member applies; the reasons are listed.
            AttackError: none applies, or those that do have found nothing.
        """
        case = Case(observation, client)
        attempts, found = Attempts(case, model, rng), []
        for one in attempts.of(named(self.members), self.budget):
            found.append(one)
            if one.certificate is not None and one.certificate.exact:
                break
        if not found:
            raise attempts.failure()
        return best_explaining(found, case, model)


def best_explaining(found: Sequence[Found], case: Case, model: Model) -> Found:
    """The one of some reconstructions whose images, with the labels found, predict the readings best."""
    return min(found, key=lambda one: _error(one, case, model))


def _error(found: Found, case: Case, model: Model) -> float:
    """Squared distance of what the images predict to all that is readable; infinite if not finite."""
    evidence = readable(case.observation, case.client, model)
    told = replace(found, labels=found.labels or restore_labels(evidence, model)[0])
    error = unexplained(told, evidence, model).error
    return error if math.isfinite(error) else math.inf
