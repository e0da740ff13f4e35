"""What a view leaves readable, without an attack."""

import math
from dataclasses import dataclass

from attacks.jacobian.spectrum import UNIFORM_VARIANCE
from gradveil.calibration import predict
from gradveil.exchange import Selection
from gradveil.planning.subject import Subject
from gradveil.planning.views import View

_LINEARISED = 1 << 30
"""Parameters times pixels up to which all derivatives are taken: a pass through the network a pixel."""

_PIXELS = 4096


@dataclass(frozen=True)
class Predicted:
    """Posterior PSNR in a linear model with independent pixels; see `gradveil.calibration.predict`.

    Attributes:
        psnr: dB; None if the method rules nothing out.
        known: share of the pixels' directions that readings can determine, at most.
        method: how, in words.
    """

    psnr: float | None
    known: float
    method: str


def predicted_leakage(view: View, subject: Subject, batch: int) -> Predicted:
    """From the visible rank of one client's readings and the number of summed ones for each unknown pixel.

    A sum over h clients of b examples has h b d unknown pixels: n readings determine at most n of their
    directions, a share n / (h b d) of each victim's on average.
    """
    pixels = subject.public.images[0].numel()
    single, method = _single(view, subject, pixels, batch)
    summed = (
        int((view.summed & ~view.single).sum()) / (view.honest * batch * pixels) if view.shows_sum else 0.0
    )
    if view.shows_sum:
        method += f"; sum over {view.honest} clients by counting numbers and pixels"
    known = min(single + summed, 1.0)
    return Predicted(None if known >= 1 else _psnr(known), known, method)


def _single(view: View, subject: Subject, pixels: int, batch: int) -> tuple[float, str]:
    """Share of one client's directions that its own readings determine."""
    readable, model = int(view.single.sum()), subject.model
    if not readable:
        return 0.0, "nothing of a single client is readable"
    if batch == 1 and pixels <= _PIXELS and model.layout.size * pixels <= _LINEARISED:
        selection = Selection(model.layout, ~view.single, "hidden")
        found = predict(subject.public.first(1), [selection])[0]
        return found.rank / found.dimension, "visible rank of the Jacobian at a public image"
    return min(readable / (batch * pixels), 1.0), "single clients by counting numbers and pixels"


def _psnr(known: float) -> float:
    return -10 * math.log10(UNIFORM_VARIANCE * (1 - known))
