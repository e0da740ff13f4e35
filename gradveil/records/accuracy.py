"""What trainings behind a defense come to: accuracy, what of it is lost, and how it gets there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from gradveil.records.bootstrap import Interval, interval
from gradveil.records.setting import Setting
from gradveil.records.utility import Utility

_UNDEFENDED = "identity"
_PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class Trained:
    """The trainings behind one setting's defense, over their seeds.

    Attributes:
        rounds: of each of them.
        clients: in each round.
        seeds: that came to an accuracy.
        accuracy: in %, with a 95 % bootstrap interval over seeds and held-out images; None if none ended.
        lost: in points, against trainings of the same seeds without a defense; None if there are none.
        curve: rounds done and mean accuracy in %; empty if none ended.
        errors: why others came to none.
    """

    rounds: int
    clients: int
    seeds: int
    accuracy: Interval | None
    lost: float | None
    curve: tuple[tuple[int, float], ...]
    errors: tuple[str, ...]


def trained(setting: Setting, utilities: Sequence[Utility]) -> Trained | None:
    """The longest of the trainings behind a setting's defense, None if there are none.

    Those with as many clients as the setting come before all others.
    """
    behind = [one for one in utilities if _defense_of(one) == _defense_of(setting)]
    if not behind:
        return None
    best = max(behind, key=lambda one: (one.clients == setting.clients, one.rounds, one.key))
    group = {one.seed: one for one in behind if one.regime == best.regime}
    ended = [one for one in group.values() if one.accuracy is not None]
    return Trained(
        rounds=best.rounds,
        clients=best.clients,
        seeds=len(ended),
        accuracy=accuracy_interval(ended),
        lost=_lost(ended, utilities),
        curve=_mean_curve(ended),
        errors=tuple(dict.fromkeys(one.error for one in group.values() if one.error is not None)),
    )


def accuracy_interval(utilities: Iterable[Utility]) -> Interval | None:
    """Accuracy in %, with a 95 % interval over trainings and the held-out images of each; None of nothing."""
    return interval([_answers(one, one.accuracy) for one in utilities if one.accuracy is not None])


def _answers(one: Utility, accuracy: float) -> list[float]:
    right = round(accuracy * one.held_out)
    return [_PERCENT] * right + [0.0] * (one.held_out - right)


def _lost(ended: Iterable[Utility], utilities: Iterable[Utility]) -> float | None:
    plain = {(one.regime, one.seed): one.accuracy for one in utilities if one.defense == _UNDEFENDED}
    pairs = [(plain.get((one.regime, one.seed)), one.accuracy) for one in ended]
    lost = [before - after for before, after in pairs if before is not None and after is not None]
    return _PERCENT * float(np.mean(lost)) if lost else None


def _mean_curve(ended: Iterable[Utility]) -> tuple[tuple[int, float], ...]:
    """At the rounds at which any of them was judged."""
    found: dict[int, list[float]] = {}
    for one in ended:
        for done, accuracy in one.curve:
            found.setdefault(done, []).append(_PERCENT * accuracy)
    return tuple((done, float(np.mean(values))) for done, values in sorted(found.items()))


def _defense_of(one: Setting | Utility) -> tuple[object, ...]:
    """What a setting and a training must share."""
    knobs = dict(one.knobs)
    return one.model, one.data, one.defense, knobs, one.strategy, one.ratio
