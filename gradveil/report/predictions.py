"""The plots of what was predicted: leakage against visible rank, and predicted against attained leakage."""

from collections.abc import Callable, Sequence
from itertools import cycle

from matplotlib.axes import Axes

from gradveil.records.summary import Row
from gradveil.report.landmarks import leakage_axis
from gradveil.report.svg import MARKS, MUTED, new_axes, style, to_svg

_SIZE = (13.8, 4.4)  # inches


def predicted(rows: Sequence[Row]) -> list[Row]:
    """The rows whose selection was looked at before any attack, and that an attack looked at, too."""
    return [row for row in rows if row.visible is not None and row.predicted_psnr is not None and row.worst]


def phase_transition(rows: Sequence[Row]) -> str | None:
    """PSNR of the worst attack against the share of the image's directions that stay readable, as SVG.

    None when nothing was predicted.
    """
    return _drawn(
        predicted(rows),
        lambda row: 100 * (row.visible or 0.0),
        "directions of the image that the readable coordinates determine, %",
        lambda axes: axes.set_xlim(-2, 102),
    )


def agreement(rows: Sequence[Row]) -> str | None:
    """PSNR of the worst attack against the predicted one, as SVG, with the line where they are equal.

    None when nothing was predicted.
    """
    return _drawn(
        predicted(rows),
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
    if not rows:
        return None
    with style():
        figure, axes = new_axes(*_SIZE)
        strategies = dict.fromkeys(row.strategy or "" for row in rows)
        for strategy, (colour, marker) in zip(strategies, cycle(MARKS), strict=False):
            points = [(place(row), row.worst) for row in rows if row.worst and row.strategy == strategy]
            for at, worst in points:
                axes.plot([at, at], [worst.low, worst.high], color=colour, lw=1.5, alpha=0.5, zorder=1)
            xs, ys = [at for at, _ in points], [worst.mean for _, worst in points]
            axes.plot(xs, ys, ls="", marker=marker, mfc="none", color=colour, label=strategy)
        axes.set_xlabel(label)
        decorate(axes)
        leakage_axis(axes, headroom=1.08)
        return to_svg(figure)
