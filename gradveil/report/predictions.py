"""The plots of what was predicted: leakage against visible rank, and predicted against attained leakage."""

from collections.abc import Callable, Sequence
from itertools import cycle

from matplotlib.axes import Axes

from gradveil.records.summary import Row
from gradveil.report.landmarks import leakage_axis
from gradveil.report.svg import MARKS, MUTED, new_axes, style, tag, to_svg

_SIZE = (13.8, 4.4)  # inches


def predicted(rows: Sequence[Row]) -> list[Row]:
    """The rows whose selection was looked at before any attack, and that an attack looked at, too."""
    return [row for row in rows if row.visible is not None and row.predicted_psnr is not None and row.worst]


def phase_transition(rows: Sequence[Row]) -> str | None:
    """PSNR of the worst attack against the share of the image's directions that stay readable, as SVG.

    None when nothing was predicted.
    """
    return _drawn(
        rows,
        lambda row: 100 * (row.visible or 0.0),
        "directions of the image that the readable coordinates determine, %",
        lambda axes: axes.set_xlim(-2, 102),
    )


def agreement(rows: Sequence[Row]) -> str | None:
    """PSNR of the worst attack against the predicted one, as SVG, with the line where they are equal.

    None when nothing was predicted.
    """
    return _drawn(
        rows,
        lambda row: row.predicted_psnr or 0.0,
        "PSNR that the linear posterior predicts, dB",
        lambda axes: axes.axline((0, 0), slope=1, color=MUTED, lw=0.7, ls=(0, (5, 3)), zorder=0),
    )


def rank_correlation(rows: Sequence[Row]) -> float | None:
    """Spearman's correlation of predicted and attained PSNR over the rows; None for fewer than three."""
    pairs = [(row.predicted_psnr, row.worst.mean) for row in predicted(rows) if row.worst]
    if len(pairs) < 3:
        return None
    from scipy.stats import spearmanr  # takes a second to import; few reports have predictions

    return float(spearmanr(*zip(*pairs, strict=True)).statistic)


def _drawn(
    rows: Sequence[Row], place: Callable[[Row], float], label: str, decorate: Callable[[Axes], object]
) -> str | None:
    drawn = predicted(rows)
    if not drawn:
        return None
    with style():
        figure, axes = new_axes(*_SIZE)
        marks = dict(zip(dict.fromkeys(row.strategy for row in drawn), cycle(MARKS), strict=False))
        for strategy, (colour, marker) in marks.items():
            axes.plot([], [], ls="", marker=marker, mfc="none", color=colour, label=strategy)
        for row in drawn:
            _point(axes, place(row), row, marks[row.strategy], tag("point", rows.index(row)))
        axes.set_xlabel(label)
        decorate(axes)
        leakage_axis(axes, headroom=1.08)
        return to_svg(figure)


def _point(axes: Axes, at: float, row: Row, mark: tuple[str, str], gid: str) -> None:
    colour, marker = mark
    if row.worst is not None:
        axes.plot([at, at], [row.worst.low, row.worst.high], color=colour, lw=1.5, alpha=0.5, zorder=1)
        axes.plot([at], [row.worst.mean], ls="", marker=marker, mfc="none", color=colour, gid=gid)
