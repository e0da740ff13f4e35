"""The leaderboard as one page: readable without script, sortable with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from gradveil.exchange.files import write_atomically
from gradveil.records.labels import subject_names
from gradveil.records.record import Record
from gradveil.records.store import RecordStore
from gradveil.records.utility import Utility, load_utilities
from gradveil.records.verdict import OPEN_ABOVE_DB, SAFE_BELOW_DB
from gradveil.report import facts
from gradveil.report.leaderboard.cells import COLUMNS
from gradveil.report.leaderboard.entries import Entry, entries
from gradveil.report.page import NoRunError
from gradveil.report.templates import script, template

SCALE_DB = 60.0
"""Right end of the small drawing in each line; a visible copy of the image needs less."""


@dataclass(frozen=True, slots=True)
class Board:
    """The lines of one subject: a network in a state of training, its data, the batch."""

    name: str
    lines: list[Entry]


def write_leaderboard(runs: Sequence[Path], out: Path) -> Path:
    """Write one page over all runs and return its path; the same runs give the same bytes.

    Args:
        runs: folders of audits. Settings that several of them have are taken together, seed by seed.
        out: the page.

    Raises:
        NoRunError: a folder without records.
        RecordError: a record or a training is damaged.
    """
    records = [record for run in runs for record in _records(run)]
    utilities = [one for run in runs for one in load_utilities(run)]
    write_atomically(out, render(records, utilities).encode())
    return out


def render(records: Sequence[Record], utilities: Sequence[Utility]) -> str:
    """The page as HTML text."""
    return template("leaderboard/template.html.j2").render(
        boards=_boards(entries(records, utilities)),
        columns=COLUMNS,
        claims=facts.claims(records),
        trials=facts.trials(records),
        trainings=facts.trainings(utilities),
        machine=facts.merged(record.machine for record in records),
        versions=facts.merged(record.versions for record in records),
        safe_below=SAFE_BELOW_DB,
        open_above=OPEN_ABOVE_DB,
        scale=SCALE_DB,
        script=script("leaderboard/sort.js"),
    )


def _records(run: Path) -> list[Record]:
    store = RecordStore(run)
    records = store.load()
    if not records:
        raise NoRunError(f"{store.path} holds no records; run `gradveil audit` first")
    return records


def _boards(lines: Sequence[Entry]) -> list[Board]:
    groups = [list(group) for _, group in groupby(lines, key=lambda entry: entry.row.subject)]
    names = subject_names([group[0].row.subject for group in groups])
    return [Board(name, group) for name, group in zip(names, groups, strict=True)]
