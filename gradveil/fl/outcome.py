"""What a round gave."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradveil.exchange import WireError
from gradveil.fl.contribution import unscaled
from gradveil.fl.messages import Terms
from gradveil.fl.sealed_model import SealedModel
from gradveil.plan import Placement, Plan, Purpose, Split


@dataclass(frozen=True, eq=False)
class Outcome:
    """All that the server learns of a round's contributions, and what it passes on without learning it.

    Attributes:
        clients: whose contributions are in the sums.
        difference: weighted mean of the clients' differences to the given model, float32 (layout.size,), and
            zero where the server cannot read it; empty after an evaluation.
        total: sums of contributions, float64 (split.layout.wire_size,), zero where the server cannot read.
        weight: sum of numbers of examples; 0 if it is encrypted.
        metrics: weighted means.
        sealed: the encrypted part of the next model, or None.
        suspects: (owner, holder) of wrong shares, see `secagg.Aggregate`.
    """

    clients: frozenset[str]
    difference: NDArray[np.float32]
    total: NDArray[np.float64]
    weight: int
    metrics: Mapping[str, float]
    sealed: SealedModel | None
    suspects: frozenset[tuple[str, str]] = frozenset()


def outcome_of(
    plan: Plan,
    terms: Terms,
    total: NDArray[np.float64],
    clients: frozenset[str],
    frame: bytes,
    suspects: frozenset[tuple[str, str]],
) -> Outcome:
    """From the sums over all coordinates of what clients sent, zero where the server reads none.

    Raises:
        WireError: weights that do not add up.
    """
    split = plan.split(terms.purpose)
    total = plan.restore(total) if terms.purpose is Purpose.TRAIN else total
    weight = _weight(plan, split, total, len(clients))
    means = total[: split.layout.size] / max(weight, 1)
    named = zip(plan.metrics_of(terms.purpose), means[split.parameters :], strict=True)
    metrics = {metric.name: unscaled(plan, metric, float(mean)) for metric, mean in named}
    difference = np.where(split.readable, means[: split.parameters], 0).astype(np.float32)
    sealed = SealedModel(frame, terms.round, weight) if frame else None
    return Outcome(clients, difference, total, weight, metrics, sealed, suspects)


def _weight(plan: Plan, split: Split, total: NDArray[np.float64], clients: int) -> int:
    if plan.weight is Placement.ENCRYPTED:
        return 0
    weight = round(float(total[split.layout.weight_coord]))
    if not clients <= weight <= clients * plan.max_weight:
        raise WireError("the weights of a round do not add up; start a new one without its last clients")
    return weight
