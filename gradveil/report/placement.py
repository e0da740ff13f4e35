"""Names beside the points of a scatter plot, without covering each other."""

import itertools
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from gradveil.report.svg import INK, MUTED

_DISTANCES = (9, 20, 30, 40, 52, 64, 78, 92, 110)  # points
_DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (0.8, 0.8), (0.8, -0.8), (-0.8, 0.8), (-0.8, -0.8))
_LEADER_FROM = 15  # points; a name further away than this gets a line to its point
_MARKER = 5.0  # half the width of a marker and some air, in points
_LINE = 1.0
_FONT = 8
_HORIZONTAL = {-1: "right", 0: "center", 1: "left"}
_VERTICAL = {-1: "top", 0: "center", 1: "bottom"}

Point = tuple[float, float]


def name_points(
    axes: Axes,
    named: Sequence[tuple[Point, str]],
    markers: Sequence[Point],
    lines: Sequence[tuple[Point, Point]],
) -> None:
    """Write each name at its point (data coordinates) in the nearest free place, clear of markers and lines.

    The limits of the axes and the layout of the figure must be settled: call this last, after a draw.
    """
    taken = [_box(axes, point, point, _MARKER) for point in [*(point for point, _ in named), *markers]]
    taken += [_box(axes, start, end, _LINE) for start, end in lines]
    for point, name in sorted(named, key=lambda item: (-item[0][1], item[0][0])):
        taken.append(_write(axes, point, name, taken))


def _box(axes: Axes, start: Point, end: Point, margin: float) -> Bbox:
    (x0, y0), (x1, y1) = axes.transData.transform([start, end])
    return Bbox.from_extents(
        min(x0, x1) - margin, min(y0, y1) - margin, max(x0, x1) + margin, max(y0, y1) + margin
    )


def _write(axes: Axes, point: Point, name: str, taken: Sequence[Bbox]) -> Bbox:
    """Try places from near to far; when all are taken, the nearest it is."""
    places = list(itertools.product(_DISTANCES, _DIRECTIONS))
    probe = axes.text(*point, name, fontsize=_FONT)
    size = probe.get_window_extent()
    probe.remove()
    boxes = [_label_box(axes, point, size, *place) for place in places]
    leaders = [_leader_box(axes, point, *place) for place in places]
    free = (
        at
        for at, (box, leader) in enumerate(zip(boxes, leaders, strict=True))
        if _inside(axes, box) and not any(box.overlaps(other) or leader.overlaps(other) for other in taken)
    )
    best = next(free, 0)
    _annotate(axes, point, name, *places[best])
    return boxes[best]


def _inside(axes: Axes, box: Bbox) -> bool:
    return bool(axes.bbox.contains(box.x0, box.y0) and axes.bbox.contains(box.x1, box.y1))


def _label_box(axes: Axes, point: Point, size: Bbox, distance: float, direction: Point) -> Bbox:
    """Where `_annotate` puts a text of this size; at 72 dots per inch a point is a pixel."""
    x, y = axes.transData.transform(point)
    dx, dy = direction
    left = x + distance * dx - size.width * (1 - _sign(dx)) / 2
    bottom = y + distance * dy - size.height * (1 - _sign(dy)) / 2
    return Bbox.from_bounds(left, bottom, size.width, size.height)


def _leader_box(axes: Axes, point: Point, distance: float, direction: Point) -> Bbox:
    """From just outside the marker to the text: what the leader may cross nothing in."""
    x, y = axes.transData.transform(point)
    ends = [(x + reach * direction[0], y + reach * direction[1]) for reach in (_LEADER_FROM / 2, distance)]
    return Bbox(ends)


def _annotate(axes: Axes, point: Point, name: str, distance: float, direction: Point) -> None:
    dx, dy = direction
    leader = {"arrowstyle": "-", "color": MUTED, "linewidth": 0.6, "shrinkA": 1, "shrinkB": 4}
    axes.annotate(
        name,
        point,
        xytext=(distance * dx, distance * dy),
        textcoords="offset points",
        ha=_HORIZONTAL[_sign(dx)],
        va=_VERTICAL[_sign(dy)],
        fontsize=_FONT,
        color=INK,
        arrowprops=leader if distance > _LEADER_FROM else None,
    )


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)
