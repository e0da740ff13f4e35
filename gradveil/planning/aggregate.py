"""How far the aggregate under a plan is from the exact mean."""

import numpy as np
from numpy.typing import NDArray

import he
from gradveil.plan import Plan
from gradveil.planning.subject import Subject

_DECODED = NDArray[np.float64]


def aggregate_error(plan: Plan, subject: Subject) -> float:
    """l2 distance over the norm of the exact mean, both of the sample clients' changes of the parameters.

    What is masked is clipped and quantised by the plan's own encoding; what is encrypted is rounded to the
    grid of its parameters after the division by `Plan.unit`; what is dropped stays zero.

    Raises:
        CapacityError: an encrypted value is beyond the parameters' range.
    """
    decoded = [_decoded(plan, subject, after) for after in subject.trained]
    off = (np.mean(decoded, axis=0) - subject.mean)[subject.parameters]
    return float(np.linalg.norm(off)) / subject.mean_norm


def least_error(subject: Subject, dropped: float) -> float:
    """Error without this share of the parameters, if it were those whose mean changes least."""
    squares = np.sort(np.square(subject.mean[subject.parameters]))
    return float(np.sqrt(squares[: round(dropped * squares.size)].sum())) / subject.mean_norm


def _decoded(plan: Plan, subject: Subject, after: NDArray[np.float32]) -> _DECODED:
    """A client's change as the sum has it, with the plan's largest weight."""
    before = subject.before.astype(np.float64)
    change = after - subject.before
    found: _DECODED = change.astype(np.float64)
    if plan.masking is not None:
        encoding = plan.encoding
        found[plan.masked] = encoding.quantise(plan.shrink(change)[plan.masked]) * encoding.step
        found = plan.restore(found)
    if plan.encryption is not None:
        where = plan.encrypted.mask
        share = plan.max_weight / plan.unit
        found[where] = _on_grid(after[where] * share, plan.encryption) / share - before[where]
    found[plan.dropped.mask] = 0
    return found


def _on_grid(values: NDArray[np.float32], params: he.Params) -> _DECODED:
    if np.abs(values).max(initial=0) > params.max_abs:
        raise he.CapacityError(f"a weight is beyond {params.max_abs}; sample longer training")
    found: _DECODED = np.rint(values.astype(np.float64) / params.step) * params.step
    return found
