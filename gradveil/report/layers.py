"""Where in the network each selection lies: the share of every tensor that is encrypted."""

from collections.abc import Sequence
from dataclasses import dataclass

from gradveil.records.summary import Row


@dataclass(frozen=True, slots=True)
class Cell:
    """A share encrypted, in whole percent, and as people read it."""

    percent: int
    text: str


@dataclass(frozen=True, slots=True)
class LayerMap:
    """One line a selection, one column a tensor, in the network's order."""

    tensors: list[str]
    rows: list[tuple[str, list[Cell]]]


def layer_map(rows: Sequence[Row]) -> LayerMap:
    """The map of all rows that select coordinates; empty if none does."""
    chosen = [row for row in rows if row.layers]
    tensors = list(dict.fromkeys(name for row in chosen for name in row.layers))
    return LayerMap(
        tensors, [(row.label, [_cell(row.layers.get(name)) for name in tensors]) for row in chosen]
    )


def _cell(share: float | None) -> Cell:
    if share is None:
        return Cell(0, "")
    small = 0 < share < 0.005
    return Cell(round(100 * share), "<1" if small else f"{100 * share:.0f}")
