"""From a reported figure to the records that answer it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gradveil.records.accuracy import accuracy_interval
from gradveil.records.bootstrap import Interval, interval
from gradveil.records.record import Record
from gradveil.records.store import RecordStore
from gradveil.records.utility import Utility, load_utilities
from gradveil.report.reproduction.figures import Figure, Paper


@dataclass(frozen=True, slots=True)
class Compared:
    """A figure and what was measured: dB over victims, or % over held-out images.

    `shortfall` says why there is nothing, empty if there is something; `count` victims or images.
    """

    figure: Figure
    measured: Interval | None
    count: int
    shortfall: str


def compare(folder: Path, papers: Iterable[Paper]) -> list[tuple[Paper, list[Compared]]]:
    """Every figure with the records of FOLDER/RUN; RecordError when one is damaged."""
    return [(paper, [_compared(folder / one.run, one) for one in paper.figures]) for paper in papers]


def root_psnr(mse: float) -> float:
    """PSNR as FedKL's code has it, 10 log10(255^2 / RMSE), RMSE on 0 to 255: black against white is 24 dB."""
    return 10 * math.log10(255 / max(math.sqrt(mse), 1e-7))


def _compared(run: Path, figure: Figure) -> Compared:
    if figure.quantity == "accuracy":
        return _trained(figure, [one for one in load_utilities(run) if _fits(asdict(one), figure)])
    return _attacked(figure, [one for one in RecordStore(run).load() if _fits(one.without_times(), figure)])


def _attacked(figure: Figure, records: Sequence[Record]) -> Compared:
    values: dict[int, list[float]] = {}
    for record in records:
        if (value := _value(figure, record)) is not None:
            values.setdefault(record.seed, []).append(value)
    reasons = [record.error for record in records if record.error is not None]
    shortfall = "" if values else next(iter(reasons), "not run")
    return Compared(figure, interval(list(values.values())), sum(map(len, values.values())), shortfall)


def _trained(figure: Figure, trainings: Sequence[Utility]) -> Compared:
    longest = max(trainings, key=lambda one: one.rounds, default=None)
    if longest is None or longest.accuracy is None:
        return Compared(figure, None, 0, "not run" if longest is None else longest.error or "")
    return Compared(figure, accuracy_interval([longest]), longest.held_out, "")


def _value(figure: Figure, record: Record) -> float | None:
    if figure.quantity == "root_psnr":
        return None if record.mse is None else root_psnr(record.mse)
    return record.psnr


def _fits(fields: Mapping[str, Any], figure: Figure) -> bool:
    return all(_field(fields, name) == wanted for name, wanted in figure.match.items())


def _field(fields: Mapping[str, Any], name: str) -> object:
    first, _, rest = name.partition(".")
    value = fields.get(first)
    return value.get(rest) if rest and isinstance(value, Mapping) else value
