"""Attacks on one victim, one after the other."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from time import monotonic

import torch

from attacks.base import Attack, Case, Found
from attacks.errors import AttackError, NotApplicableError
from attacks.model import Model


@dataclass
class Attempts:
    """What several attacks find of one victim; those that do not apply or break are passed over.

    Attributes:
        case: the victim.
        model: the public network.
        rng: of all attacks.
        made: reconstructions so far.
        begin: when the first attack began, in seconds of a clock that only goes forward.
        errors: why attacks were passed over.
    """

    case: Case
    model: Model
    rng: torch.Generator
    made: int = 0
    begin: float = field(default_factory=monotonic)
    errors: list[tuple[str, AttackError]] = field(default_factory=list)

    def of(self, members: Iterable[tuple[str, Attack]], budget: float = math.inf) -> Iterator[Found]:
        """What each finds, its name as the origin; with something found, none begins after the budget."""
        for name, member in members:
            if self.made and monotonic() - self.begin > budget:
                return
            try:
                found = member.reconstruct(
                    self.case.observation, self.model, client=self.case.client, rng=self.rng
                )
            except AttackError as error:
                self.errors.append((name, error))
                continue
            self.made += 1
            yield replace(found, origin=name)

    def failure(self) -> AttackError:
        """What to raise if nothing was found."""
        applies = any(not isinstance(error, NotApplicableError) for _, error in self.errors)
        kind = AttackError if applies else NotApplicableError
        reasons = "; ".join(f"{name}: {error}" for name, error in self.errors)
        return kind(f"no attack of the portfolio applies: {reasons}")


def named(members: Iterable[Attack]) -> Iterator[tuple[str, Attack]]:
    """Attacks by their own names."""
    return ((member.name, member) for member in members)
