"""The summary of a run as tables for a terminal."""

from collections.abc import Iterable

from rich import box
from rich.table import Table
from rich.text import Text

from gradveil.records.columns import COLUMNS
from gradveil.records.summary import Row, by_model
from gradveil.records.verdict import verdict


def tables(rows: Iterable[Row]) -> list[Table]:
    """One table a model, the verdict below it; readable from 120 columns on."""
    return [_table(model, group) for model, group in by_model(rows).items()]


def _table(model: str, rows: list[Row]) -> Table:
    table = Table(
        title=Text(f"{model}: PSNR in dB by attack, higher leaks more", style="bold"),
        title_justify="left",
        caption=Text(_caption(rows)),
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        collapse_padding=True,
    )
    for index, column in enumerate(COLUMNS):
        # Text, so that a name with [brackets] is not read as markup
        heading = Text(f"{column.heading}\n{column.unit}")
        table.add_column(heading, justify="left" if index == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(column.cell(row)) for column in COLUMNS))
    return table


def _caption(rows: list[Row]) -> str:
    failed = sum(row.failed for row in rows)
    note = f" {failed} failed trials are in records.jsonl with their reasons." if failed else ""
    return verdict(rows) + note
