"""The results as tables for a terminal."""

from collections.abc import Callable, Sequence
from enum import StrEnum

from rich import box
from rich.table import Table
from rich.text import Text

from gradveil.bench.results import UNITS, VECTORS, Cell, Metric, Place, Samples

Column = tuple[StrEnum, str]
Row = dict[Column, str]

_COLUMNS: list[Column] = [*UNITS.items(), (Metric.SERVER_PEAK, VECTORS)]
_MEDIANS = "Medians; bytes and us are per parameter, but for the peak"
_UNSAID = ("bytes", "us", "seconds", "s", "per", "param", "coord")


def tables(samples: Samples, columns: Sequence[Column] = _COLUMNS, title: str = _MEDIANS) -> list[Table]:
    """Costs, and how many times cheaper we are than the cheapest peer; readable from 110 columns on."""
    made = [
        (title, samples.medians(), _number),
        ("Cost of the cheapest peer over ours", _against_the_cheapest(samples), _times),
    ]
    return [_table(named, numbers, shown, columns) for named, numbers, shown in made if numbers]


def _against_the_cheapest(samples: Samples) -> dict[Cell, float]:
    least: dict[Cell, float] = {}
    for each in samples.ratios():
        least[each.cell] = min(each.ratio, least.get(each.cell, each.ratio))
    return least


def _table(
    title: str, numbers: dict[Cell, float], shown: Callable[[float], str], columns: Sequence[Column]
) -> Table:
    """A column for each metric that was measured, a section for each place."""
    measured = {(cell.metric, cell.unit) for cell in numbers}
    columns = [column for column in columns if column in measured]
    table = Table(title=Text(title, style="bold"), title_justify="left", box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("set-up", vertical="bottom", no_wrap=True)
    for metric, unit in columns:
        table.add_column(_heading(metric, unit), vertical="bottom", justify="right")
    for place, rows in _sections(numbers, shown).items():
        table.add_row(Text(str(place), style="italic"))
        for name, row in rows.items():
            table.add_row(Text(f"  {name}"), *(row.get(column, "") for column in columns))
        table.add_section()
    return table


def _sections(numbers: dict[Cell, float], shown: Callable[[float], str]) -> dict[Place, dict[str, Row]]:
    """Place by place, the rows by name."""
    sections: dict[Place, dict[str, Row]] = {}
    for cell, value in numbers.items():
        row = sections.setdefault(cell.place, {}).setdefault(cell.name, {})
        row[cell.metric, cell.unit] = shown(value)
    return sections


def _heading(metric: StrEnum, unit: str) -> str:
    """One word a line, so that headings are no wider than their numbers."""
    words = [word for word in metric.split("_") if word not in _UNSAID]
    return "\n".join((*words, *unit.split()))


def _number(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def _times(ratio: float) -> str:
    return f"{ratio:.3g}x"
