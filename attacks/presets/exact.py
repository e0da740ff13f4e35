"""Attacks that solve for the examples in closed form; each fits some networks only."""

from attacks.exact import PartialLinear, Spear
from attacks.presets.record import Preset

EXACT: dict[str, Preset] = {
    "partial_linear": Preset(
        PartialLinear,
        "first linear layer completed at rank one, then dW / db, or the singular vector at the length that "
        "explains the readings",
        PartialLinear.citation,
        "no publication attacks masked coordinates in closed form",
        "one example without noise; some of the first linear layer, which sees the pixels if no bias is read",
    ),
    "spear": Preset(
        Spear,
        "columns of a ReLU layer's output gradients by random submatrices, mixtures of few taken apart too",
        Spear.citation,
        "exact batches of up to about 25 on fully connected ReLU networks",
        "several examples without noise; more readable rows of a first linear layer with ReLU than examples",
    ),
}
"""By name, cheapest first."""
