"""One run, one page: everything a reader needs, in a single file that fetches nothing."""

from collections.abc import Sequence
from pathlib import Path

from gradveil.exchange.errors import GradveilError
from gradveil.exchange.files import write_atomically
from gradveil.records.columns import columns
from gradveil.records.labels import reading_order
from gradveil.records.record import Record
from gradveil.records.store import RecordStore
from gradveil.records.summary import by_subject, summarise
from gradveil.records.utility import Utility, load_utilities
from gradveil.records.verdict import GUESS_MARGIN_DB, GUESS_RANK_FACTOR, OPEN_ABOVE_DB, SAFE_BELOW_DB
from gradveil.report import facts
from gradveil.report.chapter import chapter
from gradveil.report.gallery import VICTIMS_SHOWN
from gradveil.report.landmarks import EXACT_DB
from gradveil.report.templates import script, template

_FIGURES = ("mask-naive", "worst", "acc.", "lost", "up", "client")
"""Columns of the table that a point of a plot shows, too."""


class NoRunError(GradveilError):
    """There is nothing to report on."""


def write_report(run_dir: Path) -> Path:
    """Write RUN/report.html from RUN/records.jsonl, its pictures and trainings, and return its path.

    The same run gives the same bytes.

    Raises:
        NoRunError: there are no records.
        RecordError: a record or a training is damaged.
    """
    store = RecordStore(run_dir)
    records = sorted(store.load(), key=reading_order)
    if not records:
        raise NoRunError(f"{store.path} holds no records; run `gradveil audit` first")
    path = run_dir / "report.html"
    write_atomically(path, render(store, records, load_utilities(run_dir)).encode())
    return path


def render(store: RecordStore, records: Sequence[Record], utilities: Sequence[Utility]) -> str:
    """The page as HTML text."""
    rows = summarise(records, utilities)
    shown = columns(rows)
    return template("template.html.j2").render(
        chapters=[chapter(store, records, name, own, shown) for name, own in by_subject(rows).items()],
        columns=shown,
        figures=_FIGURES,
        assumptions=facts.assumptions(records),
        claims=facts.claims(records),
        shortfalls=facts.shortfalls(records),
        trials=facts.trials(records),
        trainings=facts.trainings(utilities),
        machine=facts.merged(record.machine for record in records),
        versions=facts.merged(record.versions for record in records),
        victims_shown=VICTIMS_SHOWN,
        safe_below=SAFE_BELOW_DB,
        open_above=OPEN_ABOVE_DB,
        guess_margin=GUESS_MARGIN_DB,
        guess_rank_factor=GUESS_RANK_FACTOR,
        exact=EXACT_DB,
        script=script("marks.js"),
    )
