"""The adversary who knows a defense, helped by others who need not."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch

from attacks.auxiliary import auxiliary_data
from attacks.base import Attack, Case, Found
from attacks.explained import unexplained
from attacks.model import Model
from attacks.portfolio.attempts import Attempts, named
from attacks.portfolio.portfolio import best_explaining
from attacks.portfolio.searching import matching_of, starting_from
from gradveil.exchange import Observation

_CLOSED = 1e-10
"""Relative squared error that a closed form leaves of float32 readings which it has understood."""

_EXPLAINED = 1e-5
"""Relative distance to readings that rounding of float32 sums explains."""

_WORTH = 10.0
"""Starts this many times worse than the best after a few steps are not followed further."""


@dataclass(frozen=True)
class Informed(Attack):
    """A search that knows the defense, and that begins anew from what closed forms and helpers find.

    Closed forms come first; one that explains the readings to float precision, with the secrets that it
    solved for, is believed. Then the search; its images are believed if the network's own gradient there is
    all of a wholly readable update. Else the helpers run, and the search begins once more, from the images
    among theirs and those of closed forms that are best after a few of its steps.

    No truth is needed to choose. What is compared is the search's own posterior, the likelihood of what was
    sent, as the defense is known to have changed it, times the prior; all ends are of this one search.
    So helpers need not know the defense, and a poor one costs time only. Where the search does not apply at
    all, the images that explain the readings best stand as they are.

    Attributes:
        search: knows the defense.
        closed: closed forms that know it, cheapest first.
        helpers: adversaries whose images are worth a start, by name, cheapest first.
        budget: seconds after which no further attack begins once there is a reconstruction; unless it is
            infinite, results depend on the machine's speed.

    Raises:
        AttackError: the search does not match gradients.
    """

    name: ClassVar[str] = "informed"
    citation: ClassVar[str] = "ours; its parts have their own"

    search: Attack
    closed: tuple[Attack, ...] = ()
    helpers: Mapping[str, Attack] = field(default_factory=dict)
    budget: float = math.inf

    def __post_init__(self) -> None:
        matching_of(self.search)

    @property
    def auxiliary_data(self) -> str:
        """That of its parts."""
        return auxiliary_data(*self.closed, self.search, *self.helpers.values())

    @property
    def assumptions(self) -> Mapping[str, str]:
        """Who takes part, and what the search believes of readings, errors, images and labels."""
        matching = matching_of(self.search)
        return {
            "adversaries": ", ".join([*(one.name for one in (*self.closed, self.search)), *self.helpers]),
            "view": getattr(matching.view, "__name__", type(matching.view).__name__),
            "likelihood": repr(matching.likelihood),
            "prior": repr(matching.prior),
            "labelling": repr(matching.labelling),
        }

    def run(self, observation: Observation, model: Model, client: str, rng: torch.Generator) -> Found:
        """The reconstruction of highest posterior.

        Raises:
            NotApplicableError: no part applies; the reasons are listed.
            AttackError: none applies, or those that do have found nothing.
        """
        case = Case(observation, client)
        attempts, closed = Attempts(case, model, rng), []
        for one in attempts.of(named(self.closed), self.budget):
            closed.append(one)
            if one.unexplained is not None and one.unexplained < _CLOSED:
                return one
        ends = list(attempts.of(named([self.search]), self.budget))
        if any(self._explains(end, case, model) for end in ends):
            return ends[0]
        starts = [*closed, *attempts.of(self.helpers.items(), self.budget)]
        ends += self._continued(starts, attempts)
        if not starts and not ends:
            raise attempts.failure()
        return min(ends, key=lambda one: one.objective) if ends else best_explaining(starts, case, model)

    def _continued(self, starts: Sequence[Found], attempts: Attempts) -> list[Found]:
        """Ends of the search from the images that are best after its first steps, if any are of use."""
        name, ranked = self.search.name, []
        for start in starts:
            first_steps = [(start.origin, starting_from(start, self.search, brief=True))]
            ranked += [(one.objective, start) for one in attempts.of(first_steps, self.budget)]
        limit = _WORTH * abs(min((value for value, _ in ranked), default=0.0))
        best = [start for value, start in ranked if value <= limit]
        again = [(one.origin, starting_from(one, self.search)) for one in best]
        ends = attempts.of(again, self.budget)
        return [replace(end, origin=f"{name} from {end.origin}") for end in ends]

    def _explains(self, found: Found, case: Case, model: Model) -> bool:
        """Whether everything was read, without noise, and the gradient at the images is what was read."""
        evidence = matching_of(self.search).view(case.observation, case.client, model)
        if found.labels is None or evidence.noise_std > 0 or not bool(evidence.mask.all()):
            return False
        return unexplained(found, evidence, model).relative < _EXPLAINED
