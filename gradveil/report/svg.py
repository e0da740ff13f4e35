"""Figures as SVG fragments that take their colours from the page, the same bytes for the same data."""

import hashlib
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Stand-ins, replaced by the page's CSS variables, so that one drawing serves light, dark and print.
INK, MUTED, NAIVE, WORST, CLOSED_FORM = "#010101", "#020202", "#030303", "#040404", "#050505"
_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    NAIVE: "var(--naive)",
    WORST: "var(--worst)",
    CLOSED_FORM: "var(--closed-form)",
}
MARKS = tuple(zip((WORST, NAIVE, CLOSED_FORM, INK) * 3, "DosP^vX*<>hd", strict=True))
"""Colours and markers of many series; no two share a marker, so that colour is never needed to tell them."""

_RC = {
    "svg.fonttype": "none",
    "svg.hashsalt": "gradveil",
    "text.parse_math": False,  # a name with a dollar is a name
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.unicode_minus": False,
    "legend.frameon": False,
}
_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))


@contextmanager
def style() -> Iterator[None]:
    """Within it, figures are drawn in the style of the report; global settings come back afterwards."""
    with mpl.rc_context():
        mpl.rcdefaults()  # a user's matplotlibrc must not change the report
        mpl.rcParams.update(_RC)
        yield


def new_axes(width: float, height: float) -> tuple[Figure, Axes]:
    """A transparent figure of this size in inches, with one pair of axes."""
    figure = Figure(figsize=(width, height), dpi=72, layout="constrained")
    axes = figure.add_subplot()
    figure.patch.set_visible(False)
    axes.patch.set_visible(False)
    return figure, axes


def tag(kind: Literal["point", "curve"], number: int) -> str:
    """The gid of an artist that stands for the setting of this number, which a page can find again."""
    return f"{kind}-{number}"


def to_svg(figure: Figure) -> str:
    """The figure as an `<svg>` element to put inside HTML; groups of tagged artists have `data-setting`."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata=_NO_METADATA)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r'<g id="(point|curve)-(\d+)">', r'<g class="\1" data-setting="\2">', text)
    text = _with_own_ids(re.sub(r'<g id="[^"]*">', "<g>", text))
    for stand_in, variable in _VARIABLES.items():
        text = text.replace(stand_in, variable)
    return text


def _with_own_ids(text: str) -> str:
    """Several figures share one page, and one that is hidden must not hide what another one uses."""
    own = hashlib.sha256(text.encode()).hexdigest()[:8]
    return re.sub(r'(<[^>]*?(?: id="|href="#|url\(#))', rf"\g<1>{own}", text)
