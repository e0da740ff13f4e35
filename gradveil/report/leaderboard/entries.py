"""The lines of a leaderboard: what each setting gives to those who know the defense, and to all others."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from gradveil.records.bootstrap import Interval, interval
from gradveil.records.record import Record
from gradveil.records.setting import Setting, setting_of
from gradveil.records.summary import Row, summarise
from gradveil.records.utility import Utility
from gradveil.records.verdict import SAFE_BELOW_DB, held, is_open

GUESS, NAIVE = "guess", "mask_naive"
NO_NOISE = "none"
_ASSUMING = frozenset(
    {
        "adaptive",
        "fork_matching",
        "forked_recursion",
        "locked_matching",
        "locked_recursion",
    }
)
"""Attacks made for a defense that need not announce itself."""

_USING_NOISE = frozenset({"bayes_gaussian", "bayes_laplace", "bayes_pruning", "mask_aware"})
"""Attacks that fit their errors to the noise they are granted."""

Mark = Literal["only looks safe", "open", "held", ""]


@dataclass(frozen=True, slots=True)
class Adversary:
    """An attack and its PSNR in dB over the victims, with a 95 % bootstrap interval."""

    attack: str
    psnr: Interval


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting.

    Attributes:
        row: its summary.
        claim: of the defense.
        standard: the strongest adversary who takes the update for an undefended one.
        informed: the strongest who knows the defense and its knobs.
        best: the attacks by the number of victims on which they were strongest, most first.
    """

    row: Row
    claim: str
    standard: Adversary | None
    informed: Adversary | None
    best: tuple[tuple[str, int], ...]

    @property
    def gap(self) -> float | None:
        """What knowing the defense is worth, in dB."""
        if self.standard is None or self.informed is None:
            return None
        return self.informed.psnr.mean - self.standard.psnr.mean

    @property
    def mark(self) -> Mark:
        """By the thresholds of `gradveil.records.verdict`, with any standard adversary for the mask-naive."""
        if is_open(self.row):
            safe = self.standard is not None and self.standard.psnr.mean < SAFE_BELOW_DB
            return "only looks safe" if safe else "open"
        return "held" if held(self.row) else ""


def entries(records: Iterable[Record], utilities: Iterable[Utility]) -> list[Entry]:
    """One line a setting, those that leak least first among the settings of a subject."""
    groups: dict[Setting, list[Record]] = {}
    for record in records:
        groups.setdefault(setting_of(record), []).append(record)
    trained = list(utilities)
    found = [_entry(group, trained) for group in groups.values()]
    return sorted(found, key=lambda entry: (*_subject_order(entry), _leakage(entry), entry.row.order))


def informed(record: Record) -> bool:
    """Whether the attack reckons with this record's defense.

    Attacks that are made for a defense do, and some for noise; what is encrypted, all see and leave out but
    the mask-naive one.
    """
    if record.attack in _ASSUMING:
        return True
    if record.attack in _USING_NOISE and record.knows.get("noise", NO_NOISE) != NO_NOISE:
        return True
    return record.ratio is not None and record.attack not in (NAIVE, GUESS)


def _entry(group: Sequence[Record], trained: Sequence[Utility]) -> Entry:
    (row,) = summarise(group, trained)
    ok = [record for record in group if record.psnr is not None]
    attacks = [record for record in ok if record.attack != GUESS]
    return Entry(
        row=row,
        claim=group[0].claim,
        standard=_strongest([record for record in attacks if not informed(record)]),
        informed=_strongest([record for record in attacks if informed(record)]),
        best=_best(ok),
    )


def _strongest(records: Iterable[Record]) -> Adversary | None:
    by_attack: dict[str, dict[int, list[float]]] = {}
    for record in records:
        by_attack.setdefault(record.attack, {}).setdefault(record.seed, []).append(record.psnr or 0.0)
    found = ((attack, interval(list(seeds.values()))) for attack, seeds in by_attack.items())
    adversaries = [Adversary(attack, psnr) for attack, psnr in found if psnr is not None]
    return max(adversaries, key=lambda one: (one.psnr.mean, one.attack), default=None)


def _best(ok: Iterable[Record]) -> tuple[tuple[str, int], ...]:
    """Equal attacks on a victim: the first by name, the guess before all others."""
    victims: dict[tuple[int, int], list[Record]] = {}
    for record in ok:
        victims.setdefault((record.seed, record.victim), []).append(record)
    strongest = (min(one, key=_strength).attack for one in victims.values())
    return tuple(Counter(sorted(strongest)).most_common())


def _strength(record: Record) -> tuple[float, bool, str]:
    return -(record.psnr or 0.0), record.attack != GUESS, record.attack


def _subject_order(entry: Entry) -> tuple[object, ...]:
    row = entry.row
    return row.model, row.data, row.train_steps, row.batch


def _leakage(entry: Entry) -> float:
    """In dB; what was not measured stands last."""
    return float("inf") if entry.row.worst is None else entry.row.worst.mean
