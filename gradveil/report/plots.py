"""The plots of the report: leakage against cost, and leakage against the share encrypted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from gradveil.records.labels import attack_label
from gradveil.records.summary import Row
from gradveil.report.landmarks import leakage_axis
from gradveil.report.placement import Point, name_points
from gradveil.report.svg import CLOSED_FORM, MUTED, NAIVE, WORST, new_axes, style, tag, to_svg

_SIZE = (13.8, 4.4)  # inches
_LINES = {  # colour, marker, line, size, face; the closed form is large, as it often lands on mask-aware
    "mask_naive": (NAIVE, "o", "-", 6, "none"),
    "mask_aware": (WORST, "D", "-", 5, WORST),
    "closed_form": (CLOSED_FORM, "^", ":", 12, "none"),
    "guess": (MUTED, "", "--", 0, "none"),
}


@dataclass(frozen=True, slots=True)
class Cost:
    """What a frontier plots leakage against: the axis label, and the value of a row, None when unknown."""

    label: str
    value: Callable[[Row], float | None]
    log: bool = True


UPLOAD = Cost("upload per client, KiB", lambda row: row.bytes_up and row.bytes_up / 1024)
CLIENT_TIME = Cost("time per client, ms", lambda row: row.seconds_client and 1000 * row.seconds_client)
ACCURACY = Cost(
    "accuracy on held-out images, %",
    lambda row: row.trained.accuracy.mean if row.trained and row.trained.accuracy else None,
    log=False,
)


def drawable(rows: Sequence[Row], cost: Cost) -> list[Row]:
    """The rows that a frontier can show: those with both a leakage and a cost, above zero on a log scale."""
    return [row for row in rows if row.worst is not None and _shows(cost, cost.value(row))]


def frontier(rows: Sequence[Row], cost: Cost) -> str:
    """Leakage against cost as SVG: of each setting the worst of the portfolio and the mask-naive mean.

    The former are tagged with their place among the rows.
    """
    shown = drawable(rows, cost)
    settings = [(cost.value(row) or 0.0, row.worst, row) for row in shown if row.worst]
    named = [((x, worst.mean), row.label) for x, worst, row in settings]
    intervals = [((x, worst.low), (x, worst.high)) for x, worst, _ in settings]
    attacked = [setting for setting in settings if "mask_naive" in setting[-1].psnr]
    gaps = [((x, row.psnr["mask_naive"]), (x, worst.mean)) for x, worst, row in attacked]
    naive = [low for low, _ in gaps]
    with style():
        figure, axes = new_axes(*_SIZE)
        _lines(axes, gaps, MUTED, width=0.7, opacity=1)
        _lines(axes, intervals, WORST, width=2, opacity=0.5)
        _scatter(axes, naive, "o", NAIVE, "mask-naive mean", hollow=True)
        _scatter(axes, [], "D", WORST, "worst of portfolio, 95 % CI")
        for row, (point, _) in zip(shown, named, strict=True):
            _scatter(axes, [point], "D", WORST, None, gid=tag("point", rows.index(row)))
        _cost_axis(axes, cost)
        leakage_axis(axes, headroom=1.25)  # names stand above the highest points
        figure.draw_without_rendering()
        name_points(axes, named, naive, [*gaps, *intervals])
        return to_svg(figure)


def by_ratio(rows: Sequence[Row]) -> str | None:
    """PSNR against the share encrypted by magnitude, as SVG; None when the run has no such setting."""
    picked = [row for row in rows if row.strategy == "magnitude" and row.ratio is not None and row.psnr]
    if not picked:
        return None
    with style():
        figure, axes = new_axes(*_SIZE)
        for attack, (colour, marker, line, size, face) in _LINES.items():
            points = [(at, row.psnr[attack]) for at, row in enumerate(picked) if attack in row.psnr]
            xs, ys, name = [x for x, _ in points], [y for _, y in points], attack_label(attack)
            axes.plot(xs, ys, color=colour, marker=marker, ls=line, ms=size, mfc=face, label=name)
        axes.set_xticks(range(len(picked)), [f"{100 * (row.ratio or 0.0):.3g} %" for row in picked])
        axes.set_xlabel("parameters encrypted, largest magnitude first (steps not to scale)")
        leakage_axis(axes, headroom=1.08)
        return to_svg(figure)


def _lines(
    axes: Axes, lines: Sequence[tuple[Point, Point]], colour: str, *, width: float, opacity: float
) -> None:
    for (x0, y0), (x1, y1) in lines:
        axes.plot([x0, x1], [y0, y1], color=colour, lw=width, alpha=opacity, zorder=1)


def _shows(cost: Cost, value: float | None) -> bool:
    return value is not None and (value > 0 or not cost.log)


def _scatter(
    axes: Axes,
    points: Sequence[Point],
    marker: str,
    colour: str,
    label: str | None,
    *,
    hollow: bool = False,
    gid: str | None = None,
) -> None:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    face = "none" if hollow else colour
    axes.plot(
        xs, ys, ls="", marker=marker, ms=6, mfc=face, mec=colour, mew=1.3, label=label, zorder=3, gid=gid
    )


def _cost_axis(axes: Axes, cost: Cost) -> None:
    axes.margins(x=0.06)
    if not cost.log:
        axes.set_xlabel(cost.label)
        return
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(f"{cost.label} (log scale)")
