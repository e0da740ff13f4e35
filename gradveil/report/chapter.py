"""What the report shows of one subject: its table, its plots, its pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gradveil.records.columns import Column, between, number
from gradveil.records.record import Record
from gradveil.records.setting import setting_of
from gradveil.records.store import RecordStore
from gradveil.records.summary import Row
from gradveil.records.verdict import held, is_open, looks_safe, verdict
from gradveil.report.convergence import convergence
from gradveil.report.facts import Table
from gradveil.report.gallery import Gallery, gallery
from gradveil.report.layers import LayerMap, layer_map
from gradveil.report.plots import ACCURACY, CLIENT_TIME, UPLOAD, by_ratio, drawable, frontier
from gradveil.report.predictions import agreement, phase_transition, rank_correlation

Mark = Literal["deceptive", "open", "held", ""]


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the summary: how it is marked, its cells, and what only plots show of it, in words."""

    mark: Mark
    cells: list[str]
    more: str


@dataclass(frozen=True, slots=True)
class Chapter:
    """What the page shows of one subject. The plots are SVG, already safe to put into HTML.

    `numbers` gives the place of each setting among the lines, by its label; plots name settings by it.
    """

    model: str
    verdict: str
    lines: list[Line]
    numbers: dict[str, int]
    by_bytes: str
    by_time: str
    by_accuracy: str | None
    by_ratio: str | None
    not_drawn: list[str]
    convergence: str | None
    accuracies: Table
    layers: LayerMap
    phase: str | None
    agreement: str | None
    correlation: float | None
    gallery: Gallery


def chapter(
    store: RecordStore, records: Sequence[Record], name: str, rows: list[Row], shown: Sequence[Column]
) -> Chapter:
    """The chapter of one subject's rows.

    Args:
        store: of the pictures.
        records: of the whole run.
        name: of the subject.
        rows: of the subject.
        shown: the columns of the table.
    """
    subject = rows[0].subject
    drawn = [row for row in drawable(rows, UPLOAD) if row in drawable(rows, CLIENT_TIME)]
    return Chapter(
        model=name,
        verdict=verdict(rows),
        lines=[Line(_mark(row), [column.cell(row) for column in shown], _more(row)) for row in rows],
        numbers={row.label: number for number, row in enumerate(rows)},
        by_bytes=frontier(rows, UPLOAD),
        by_time=frontier(rows, CLIENT_TIME),
        by_accuracy=frontier(rows, ACCURACY) if drawable(rows, ACCURACY) else None,
        by_ratio=by_ratio(rows),
        not_drawn=[row.label for row in rows if row not in drawn],
        convergence=convergence(rows),
        accuracies=accuracies(rows),
        layers=layer_map(rows),
        phase=phase_transition(rows),
        agreement=agreement(rows),
        correlation=rank_correlation(rows),
        gallery=gallery(store, [record for record in records if setting_of(record).subject == subject]),
    )


def accuracies(rows: Sequence[Row]) -> Table:
    """Accuracy with its interval and what is lost, one row a setting that was trained behind."""
    headings = ["defense", "accuracy, % [95 % CI]", "lost, points", "rounds", "clients", "seeds", "failed"]
    return Table(headings, [_accuracy(row) for row in rows if row.trained is not None])


def _accuracy(row: Row) -> list[str]:
    trained = row.trained
    assert trained is not None  # noqa: S101 -- the caller has looked
    counts = (trained.rounds, trained.clients, trained.seeds)
    failed = "; ".join(trained.errors) or "none"
    return [row.label, between(trained.accuracy), number(trained.lost), *map(str, counts), failed]


def _mark(row: Row) -> Mark:
    if is_open(row):
        return "deceptive" if looks_safe(row) else "open"
    return "held" if held(row) else ""


def _more(row: Row) -> str:
    if row.visible is None or row.predicted_psnr is None:
        return ""
    return f"visible {100 * row.visible:.1f} %, predicted {row.predicted_psnr:.1f} dB"
