"""The plot of trainings: how the accuracy behind each defense rises over the rounds."""

from collections.abc import Sequence
from itertools import cycle, product

from matplotlib.axes import Axes

from gradveil.records.summary import Row
from gradveil.report.svg import MARKS, new_axes, style, tag, to_svg

_SIZE = (13.8, 5.2)  # inches
_LINES = ("-", "--", ":")
_NAME = 46  # characters of a name in the legend; the whole one is in the table
_MARKED = 10  # markers on a curve, about


def convergence(rows: Sequence[Row]) -> str | None:
    """Accuracy in % over the rounds of the trainings behind each defense, as SVG.

    Curves are tagged with their place among the rows. None when no training ended.
    """
    drawn = [(number, row) for number, row in enumerate(rows) if row.trained and row.trained.curve]
    if not drawn:
        return None
    with style():
        figure, axes = new_axes(*_SIZE)
        looks = cycle(product(_LINES, MARKS))
        for (number, row), look in zip(drawn, looks, strict=False):
            _curve(axes, row, number, look)
        axes.set_xlabel("rounds")
        axes.set_ylabel("accuracy on held-out images, %")
        axes.margins(x=0.01)
        figure.legend(loc="outside right upper", fontsize=8)
        return to_svg(figure)


def _curve(axes: Axes, row: Row, at: int, look: tuple[str, tuple[str, str]]) -> None:
    """Markers are spread so that those of curves close to each other do not coincide."""
    assert row.trained is not None  # noqa: S101 -- the caller has looked
    xs, ys = zip(*row.trained.curve, strict=True)
    step = max(1, len(xs) // _MARKED)
    line, (colour, marker) = look
    (drawn,) = axes.plot(xs, ys, ls=line, lw=1.2, color=colour, marker=marker, ms=5, mfc="none")
    drawn.set(label=_short(row.label), markevery=(at % step, step), gid=tag("curve", at))


def _short(name: str) -> str:
    return name if len(name) <= _NAME else f"{name[: _NAME - 1]}\N{HORIZONTAL ELLIPSIS}"
