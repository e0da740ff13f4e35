"""The axis of leakage, the same in every plot."""

from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator

from gradveil.records.verdict import OPEN_ABOVE_DB, SAFE_BELOW_DB
from gradveil.report.svg import MUTED

EXACT_DB = 140.0  # what the floor of the mean squared error, 1e-14, comes to
_LANDMARKS = {SAFE_BELOW_DB: "looks safe", OPEN_ABOVE_DB: "open", EXACT_DB: "exact"}


def leakage_axis(axes: Axes, headroom: float) -> None:
    """PSNR from 0 to above the highest value drawn, with the landmarks that fall inside."""
    top = headroom * max(1.2 * OPEN_ABOVE_DB, axes.dataLim.y1)
    axes.set_ylim(0, top)
    axes.yaxis.set_major_locator(MultipleLocator(20 if top > 100 else 10))
    axes.set_ylabel("PSNR, dB (higher leaks more)")
    beside = axes.get_yaxis_transform()
    for level, name in _LANDMARKS.items():
        if level < top:
            axes.axhline(level, color=MUTED, lw=0.6, ls=(0, (2, 3)), zorder=0)
            axes.text(1.004, level, name, transform=beside, va="center", fontsize=8, color=MUTED)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=4, borderaxespad=0.2, handletextpad=0.4)
