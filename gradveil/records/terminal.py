"""The summary of a run as tables for a terminal."""

import re
from collections.abc import Iterable

from rich import box
from rich.table import Table
from rich.text import Text

from gradveil.records.columns import Column, columns
from gradveil.records.summary import Row, by_subject
from gradveil.records.verdict import verdict


def tables(rows: Iterable[Row]) -> list[Table]:
    """One table a subject, the verdict below it; readable from 120 columns on."""
    return [_table(subject, group) for subject, group in by_subject(rows).items()]


def _table(subject: str, rows: list[Row]) -> Table:
    table = Table(
        title=Text(f"{subject}: PSNR in dB by attack, higher leaks more", style="bold"),
        title_justify="left",
        caption=Text(_caption(rows)),
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
        show_edge=False,
    )
    first, *numbers = shown = columns(rows)
    table.add_column(_heading(first), vertical="bottom", overflow="fold")
    for column in numbers:
        table.add_column(_heading(column), vertical="bottom", justify="right", no_wrap=True)
    for row in rows:
        # Text, so that a name with [brackets] is not read as markup
        table.add_row(*(Text(column.cell(row)) for column in shown))
    return table


def _heading(column: Column) -> str:
    """One word a line, so that headings are no wider than their numbers."""
    words = re.sub(r"(?<=-)| ", "\n", column.heading)
    return f"{words}\n{column.unit}"


def _caption(rows: list[Row]) -> str:
    failed = sum(row.failed for row in rows)
    note = f" Failed trials, kept in records.jsonl with their reasons: {failed}." if failed else ""
    return verdict(rows) + note
