"""From a trained model to what leaves the client: split by the plan, weighted, encrypted, masked."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

import he
from gradveil.exchange import Clear, Coords, InvalidUpdateError, Part, Sealed, Update, Upload
from gradveil.fl.parties import ClientParties
from gradveil.plan import Metric, Plan, Purpose, Split
from secagg import Contribute

MASKED = "secagg"
"""Scheme of a masked part."""

Mask = Callable[[Contribute], bytes]


@dataclass(frozen=True, eq=False)
class Trained:
    """What a client's own training or evaluation gave.

    Attributes:
        weight: number of examples.
        metrics: what it measured, by name.
        before: the model as the client was given it, float32 (layout.size,); None after an evaluation.
        after: the model as it is now.
    """

    weight: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    before: NDArray[np.float32] | None = None
    after: NDArray[np.float32] | None = None


def update_of(plan: Plan, purpose: Purpose, trained: Trained) -> Update:
    """The client's contribution before weighting, as it meets the clip.

    Differences to the given model where the server knows that model, values where it does not: a sum of
    values makes the next model for whoever opens it, without any sum before it. Beside noise, all weigh 1.

    Raises:
        InvalidUpdateError: NaN or infinity, a metric that is missing, or a weight over the plan's.
    """
    if trained.weight > plan.max_weight:
        raise InvalidUpdateError(
            f"{trained.weight} examples exceed the plan's max_weight {plan.max_weight}; make a new plan"
        )
    metrics = [_scaled(plan, metric, trained.metrics) for metric in plan.metrics_of(purpose)]
    own = _difference(plan, trained) if purpose is Purpose.TRAIN else np.empty(0, np.float32)
    vector = np.concatenate([own, metrics]).astype(np.float32)
    weight = trained.weight if plan.noise is None else 1
    return Update(plan.split(purpose).layout, vector, weight)


def upload_of(
    plan: Plan, purpose: Purpose, update: Update, round_: int, parties: ClientParties, mask: Mask | None
) -> Upload:
    """What leaves the client; `mask` gives the masked input of this round.

    Raises:
        GradveilError: as `he.encrypt` and `secagg.Client.step`.
    """
    split, contribution = plan.split(purpose), update.contribution()
    parts: list[Part] = []
    if split.encrypted.size:
        parts.append(_encrypted(plan, split, contribution, round_, parties))
    if mask is not None:
        values = update.vector[split.masked_values]
        parts.append(Sealed(split.masked, MASKED, mask(Contribute(values, update.weight))))
    if split.clear.size:
        parts.append(Clear(split.clear, contribution[split.clear]))
    return Upload(parties.identity.name, split.layout, tuple(parts), agreed_of(split))


def agreed_of(split: Split) -> Coords | None:
    """The coordinates that an upload names by their hash."""
    return split.encrypted if split.encrypted.size else None


def unscaled(plan: Plan, metric: Metric, value: float) -> float:
    """A metric from the mean of what clients sent."""
    return value if plan.masking is None else value * metric.limit / plan.masking.clip


def _scaled(plan: Plan, metric: Metric, found: Mapping[str, float]) -> float:
    """To the range of masked coordinates, so that one quantisation serves all."""
    if metric.name not in found:
        raise InvalidUpdateError(f"the training reported no {metric.name!r}; report it, or plan without it")
    value = float(found[metric.name])
    if not math.isfinite(value):
        raise InvalidUpdateError(f"metric {metric.name!r} is NaN or infinite; lower the step size")
    return value if plan.masking is None else value * plan.masking.clip / metric.limit


def _difference(plan: Plan, trained: Trained) -> NDArray[np.float32]:
    if trained.before is None or trained.after is None:
        raise InvalidUpdateError("the training returned no model; return all of its arrays")
    difference = trained.after - trained.before
    difference[plan.encrypted.mask] = trained.after[plan.encrypted.mask]
    difference[plan.dropped.mask] = 0
    return plan.shrink(difference)


def _encrypted(
    plan: Plan, split: Split, contribution: NDArray[np.float32], round_: int, parties: ClientParties
) -> Sealed:
    assert parties.key is not None  # noqa: S101 - `ClientParties.require_fits`
    values = contribution[split.encrypted].astype(np.float64) / plan.unit
    frame = he.encrypt(parties.key, values, identity=parties.identity, binding=plan.binding(round_))
    return Sealed(split.encrypted, parties.key.params.scheme, frame)
