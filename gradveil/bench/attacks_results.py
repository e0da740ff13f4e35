"""Samples of attacks: decibels are no cost, and a victim that was never read takes for ever."""

import json
from collections.abc import Iterator
from math import isinf

from rich import box
from rich.table import Table
from rich.text import Text

from gradveil.bench.attacks_contender import Adversary, Racer
from gradveil.bench.attacks_plan import ATTACK_UNITS, AttackMetric, Setting
from gradveil.bench.results import Cell, Place, Ratio, Samples
from gradveil.bench.tables import tables

_TITLE = "Medians of repetitions and victims; ms a restart and step, seconds to 30 dB, dB at the budget"


class AttackSamples(Samples):
    """Samples, and what could not be measured."""

    def __init__(self) -> None:
        super().__init__()
        self._left_out: dict[str, str] = {}

    def leave_out(self, place: Place, reason: str, name: str = "") -> None:
        """Say why there are no numbers."""
        self._left_out[f"{name} {place}".strip()] = reason

    def medians(self) -> dict[Cell, float]:
        """One number a cell; none where half of the victims were never read."""
        return {cell: value for cell, value in super().medians().items() if not isinf(value)}

    def ratios(self) -> list[Ratio]:
        """Of costs alone."""
        return [each for each in super().ratios() if each.cell.metric is not AttackMetric.PSNR_AT_BUDGET]

    def json_lines(self) -> Iterator[str]:
        """One object a line: all medians, all ratios, then what is left out."""
        yield from super().json_lines()
        for setup, reason in self.left_out().items():
            yield json.dumps({"setup": setup, "left_out": reason})

    def left_out(self) -> dict[str, str]:
        """Reasons by set-up."""
        never = [cell for cell, value in super().medians().items() if isinf(value)]
        return self._left_out | {cell.setup: "half of the victims or more stay below 30 dB" for cell in never}


def cell_of(metric: AttackMetric, contender: Racer | Adversary, setting: Setting) -> Cell:
    """Where a number of a contender belongs."""
    return Cell(metric, ATTACK_UNITS[metric], contender.name, contender.package, setting)


def attack_tables(samples: Samples) -> list[Table]:
    """The results for a terminal."""
    made = tables(samples, list(ATTACK_UNITS.items()), _TITLE)
    missing = samples.left_out() if isinstance(samples, AttackSamples) else {}
    return [*made, _reasons(missing)] if missing else made


def _reasons(missing: dict[str, str]) -> Table:
    title = Text("Without a number", style="bold")
    table = Table("set-up", "why", title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False)
    for setup, reason in missing.items():
        table.add_row(Text(setup), Text(reason))
    return table
