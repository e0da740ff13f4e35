"""Selection strategies of the selective-encryption literature.

Each calibrates on updates that the caller hands in. A mask made from private data leaks in itself; who made
it from what is an assumption of the audit and is printed with its numbers.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from gradveil.exchange import GradveilError, Layout, Selection, Update
from gradveil.exchange.selection import SEED_BYTES

Strategy = Callable[[Layout, float, Sequence[Update], np.random.Generator], Selection]
"""From layout, ratio, calibration updates and a generator to a selection."""


def random(layout: Layout, ratio: float, rng: np.random.Generator) -> Selection:
    """A uniformly random share of the parameters; travels as its seed."""
    return Selection.from_seed(layout, round(ratio * layout.size), rng.bytes(SEED_BYTES))


def magnitude(layout: Layout, ratio: float, updates: Sequence[Update]) -> Selection:
    """The largest mean absolute entries over the calibration updates.

    For one-hot cross-entropy gradients this is FedML-HE's sensitivity map (Jin et al. 2023, section 3.2),
    whose derivative by the label is the gradient itself.
    """
    if not updates:
        raise GradveilError("magnitude needs at least one update to calibrate on")
    scores = np.mean([np.abs(update.vector) for update in updates], axis=0)
    return _top(layout, scores, ratio, "magnitude")


def named(layout: Layout, names: Sequence[str]) -> Selection:
    """All parameters of the named tensors; raises LayoutMismatchError for an unknown name."""
    return Selection(layout, layout.mask_of(names), "named")


def first_and_last(layout: Layout) -> Selection:
    """All tensors of the first and of the last layer, where a layer is a name up to its last dot."""
    layers = [name.rpartition(".")[0] for name in layout.names]
    ends = {layers[0], layers[-1]}
    chosen = [name for name, layer in zip(layout.names, layers, strict=True) if layer in ends]
    return named(layout, chosen)


def select(
    strategy: str, layout: Layout, ratio: float, updates: Sequence[Update], rng: np.random.Generator
) -> Selection:
    """A selection by the strategy's name; `named` and `all` fix their own ratio.

    Raises:
        GradveilError: unknown name, or a ratio outside [0, 1].
    """
    if strategy not in STRATEGIES:
        raise GradveilError(f"no strategy {strategy!r}; choose among {', '.join(STRATEGIES)}")
    if not 0 <= ratio <= 1:
        raise GradveilError(f"ratio {ratio} is not in [0, 1]; give the share of parameters to encrypt")
    return STRATEGIES[strategy](layout, ratio, updates, rng)


STRATEGIES: dict[str, Strategy] = {
    "random": lambda layout, ratio, _, rng: random(layout, ratio, rng),
    "magnitude": lambda layout, ratio, updates, _: magnitude(layout, ratio, updates),
    "named": lambda layout, *_: first_and_last(layout),
    "all": lambda layout, *_: Selection(layout, np.ones(layout.size, dtype=np.bool_), "all"),
}


def _top(layout: Layout, scores: NDArray[np.floating], ratio: float, strategy: str) -> Selection:
    """The share `ratio` of coordinates with the highest scores; ties go to the lower coordinate."""
    mask = np.zeros(layout.size, dtype=np.bool_)
    mask[np.argsort(-scores, kind="stable")[: round(ratio * layout.size)]] = True
    return Selection(layout, mask, strategy)
