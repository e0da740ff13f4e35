"""What became of each candidate, and what to relax if none will do."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gradveil.planning.attacking import Leakage
from gradveil.planning.candidates import Candidate
from gradveil.planning.costs import Cost
from gradveil.planning.prediction import Predicted
from gradveil.planning.threat import Budget


class Fate(StrEnum):
    """What became of a candidate."""

    CHOSEN = "chosen"
    UNSOUND = "unsound"
    IMPOSSIBLE = "impossible"
    OVER_BUDGET = "over budget"
    INACCURATE = "inaccurate"
    LEAKS = "leaks"
    DEARER = "dearer"
    UNTRIED = "not attacked"


@dataclass(frozen=True)
class Judged:
    """A candidate with what is known of it.

    Attributes:
        candidate: which.
        fate: and `reason`, in words.
        cost: estimated, None if it was not looked at.
        error: of the aggregate, relative.
        prediction: of its leakage.
        leakage: attacked.
    """

    candidate: Candidate
    fate: Fate
    reason: str = ""
    cost: Cost | None = None
    error: float | None = None
    prediction: Predicted | None = None
    leakage: Leakage | None = None

    @property
    def decibels(self) -> float | None:
        """Attacked, or predicted where no attack was needed to see that it is too much."""
        if self.leakage is not None:
            return self.leakage.worst
        return None if self.prediction is None else self.prediction.psnr


def over(cost: Cost, budget: Budget) -> str:
    """Why a cost is beyond the budget; empty if it is not."""
    if budget.bytes is not None and cost.bytes > budget.bytes:
        return f"{cost.bytes:,} bytes of {budget.bytes:,}"
    if budget.seconds is not None and cost.seconds > budget.seconds:
        return f"{cost.seconds:.3f} s of {budget.seconds:g}"
    return ""


def relaxations(judged: Sequence[Judged]) -> str:
    """What would let a candidate through, from those that came closest."""
    advice = "; ".join(_advice(judged)) or "nothing was left to try; raise --attacks"
    return f"no plan keeps the budget under this threat: {advice}"


def _advice(judged: Sequence[Judged]) -> Iterator[str]:
    leaks = [one for one in _of(judged, Fate.LEAKS) if one.decibels is not None]
    if leaks:
        best = min(leaks, key=lambda one: one.decibels or 0.0)
        yield (
            f"nearest is {best.candidate.name!r}, which leaks {best.decibels:.1f} dB: allow a --max-leakage "
            "of that or more --max-noise, ask more clients, or plan for larger batches"
        )
    costly = [one for one in _of(judged, Fate.OVER_BUDGET) if one.cost is not None]
    if costly:
        cheapest = min(costly, key=lambda one: one.cost.bytes if one.cost else 0)
        yield f"{cheapest.candidate.name!r} takes {cheapest.reason}: raise --max-bytes or --max-seconds"
    if any(_of(judged, Fate.INACCURATE)):
        yield "what is dropped or rounded moves the mean too far: raise --max-error"
    for reason in _reasons(judged, Fate.UNTRIED):
        yield f"not attacked: {reason}; raise --attacks, or see that the attacks can run on this network"
    yield from (f"unsound: {reason}" for reason in _reasons(judged, Fate.UNSOUND))
    yield from (f"impossible: {reason}" for reason in _reasons(judged, Fate.IMPOSSIBLE))


def _of(judged: Iterable[Judged], fate: Fate) -> list[Judged]:
    return [one for one in judged if one.fate is fate]


def _reasons(judged: Iterable[Judged], fate: Fate) -> list[str]:
    return list(dict.fromkeys(one.reason for one in _of(judged, fate)))
