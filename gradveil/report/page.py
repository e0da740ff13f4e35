"""One run, one page: everything a reader needs, in a single file without script or outside resource."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gradveil.exchange.errors import GradveilError
from gradveil.exchange.files import write_atomically
from gradveil.records.columns import COLUMNS
from gradveil.records.labels import reading_order
from gradveil.records.record import Record
from gradveil.records.setting import setting_of
from gradveil.records.store import RecordStore
from gradveil.records.summary import Row, by_subject, summarise
from gradveil.records.verdict import (
    GUESS_MARGIN_DB,
    GUESS_RANK_FACTOR,
    OPEN_ABOVE_DB,
    SAFE_BELOW_DB,
    held,
    is_open,
    looks_safe,
    verdict,
)
from gradveil.report import facts
from gradveil.report.gallery import VICTIMS_SHOWN, Gallery, gallery
from gradveil.report.landmarks import EXACT_DB
from gradveil.report.layers import LayerMap, layer_map
from gradveil.report.plots import CLIENT_TIME, UPLOAD, by_ratio, drawable, frontier
from gradveil.report.predictions import agreement, phase_transition, rank_correlation
from gradveil.report.templates import template

Mark = Literal["deceptive", "open", "held", ""]


class NoRunError(GradveilError):
    """There is nothing to report on."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """What the page shows of one model. The plots are SVG, already safe to put into HTML."""

    model: str
    verdict: str
    rows: list[tuple[Mark, list[str]]]
    by_bytes: str
    by_time: str
    by_ratio: str | None
    not_drawn: list[str]
    layers: LayerMap
    phase: str | None
    agreement: str | None
    correlation: float | None
    gallery: Gallery


def write_report(run_dir: Path) -> Path:
    """Write RUN/report.html from RUN/records.jsonl and its pictures, and return its path.

    The same run gives the same bytes. NoRunError when there are no records, RecordError when one is damaged.
    """
    store = RecordStore(run_dir)
    records = sorted(store.load(), key=reading_order)
    if not records:
        raise NoRunError(f"{store.path} holds no records; run `gradveil audit` first")
    path = run_dir / "report.html"
    write_atomically(path, render(store, records).encode())
    return path


def render(store: RecordStore, records: Sequence[Record]) -> str:
    """The page as HTML text."""
    subjects = by_subject(summarise(records))
    chapters = [_chapter(store, records, name, rows) for name, rows in subjects.items()]
    return template("template.html.j2").render(
        chapters=chapters,
        columns=COLUMNS,
        assumptions=facts.assumptions(records),
        claims=facts.claims(records),
        shortfalls=facts.shortfalls(records),
        trials=facts.trials(records),
        machine=facts.merged(record.machine for record in records),
        versions=facts.merged(record.versions for record in records),
        victims_shown=VICTIMS_SHOWN,
        safe_below=SAFE_BELOW_DB,
        open_above=OPEN_ABOVE_DB,
        guess_margin=GUESS_MARGIN_DB,
        guess_rank_factor=GUESS_RANK_FACTOR,
        exact=EXACT_DB,
    )


def _chapter(store: RecordStore, records: Sequence[Record], name: str, rows: list[Row]) -> Chapter:
    subject = rows[0].subject
    drawn = [row for row in drawable(rows, UPLOAD) if row in drawable(rows, CLIENT_TIME)]
    return Chapter(
        model=name,
        verdict=verdict(rows),
        rows=[(_mark(row), [column.cell(row) for column in COLUMNS]) for row in rows],
        by_bytes=frontier(rows, UPLOAD),
        by_time=frontier(rows, CLIENT_TIME),
        by_ratio=by_ratio(rows),
        not_drawn=[row.label for row in rows if row not in drawn],
        layers=layer_map(rows),
        phase=phase_transition(rows),
        agreement=agreement(rows),
        correlation=rank_correlation(rows),
        gallery=gallery(store, [record for record in records if setting_of(record).subject == subject]),
    )


def _mark(row: Row) -> Mark:
    if is_open(row):
        return "deceptive" if looks_safe(row) else "open"
    return "held" if held(row) else ""
