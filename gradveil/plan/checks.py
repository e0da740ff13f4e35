"""What a plan must be to work, and to protect what it says."""

import math
from typing import TYPE_CHECKING

import numpy as np

import he
from gradveil.exchange.update import MAX_WEIGHT
from gradveil.plan.errors import PlanError
from gradveil.plan.split import Placement
from secagg import Floors

if TYPE_CHECKING:
    from gradveil.plan.plan import Plan

MAX_PARAMETERS = 2**28
"""Of a model: a few bytes of a plan that is read may stand for a mask of this length."""

_FEWEST_CLIENTS = 2

_POWER_OF_TWO = 0.5
"""The mantissa of each, as `math.frexp` splits it."""


def require_ranges(plan: "Plan") -> None:
    """Numbers within their limits."""
    if not _FEWEST_CLIENTS <= plan.min_clients <= plan.clients:
        raise PlanError(f"{plan.min_clients} to {plan.clients} clients; use 2 <= min_clients <= clients")
    if not 1 <= plan.max_weight <= MAX_WEIGHT:
        raise PlanError(f"max_weight {plan.max_weight} is not in 1 .. {MAX_WEIGHT}; count examples")
    if plan.layout.size > MAX_PARAMETERS:
        raise PlanError(f"{plan.layout.size} parameters exceed {MAX_PARAMETERS}; split the model")


def require_parts(plan: "Plan") -> None:
    """Each coordinate in one part, each part with its protection."""
    covered = np.zeros(plan.layout.size, dtype=np.uint8)
    for selection in (plan.encrypted, plan.clear, plan.dropped):
        covered += selection.mask
    if (covered > 1).any():
        raise PlanError("a coordinate is in two of encrypted, clear and dropped; choose one of them")
    if plan.encrypted.mask.any() != (plan.encryption is not None):
        raise PlanError("coordinates to encrypt and `encryption` go together; give both or neither")
    if plan.masking is None and plan.masked.any():
        raise PlanError("coordinates are left to masking, but there is none; give `masking`")


def require_shrunk(plan: "Plan") -> None:
    """Tensors of the model, once each and masked whole, divided by what rounds nothing."""
    shrunk = () if plan.masking is None else plan.masking.shrunk
    if len({one.tensor for one in shrunk}) != len(shrunk):
        raise PlanError("a tensor is shrunk twice; list it once")
    for one in shrunk:
        where = plan.layout.slices.get(one.tensor)
        if where is None or not plan.masked[where].all():
            raise PlanError(f"{one.tensor!r} is shrunk and not masked whole; mask it, or leave it out")
        if not (1 < one.factor < math.inf and math.frexp(one.factor)[0] == _POWER_OF_TWO):
            raise PlanError(f"{one.factor} shrinks {one.tensor!r}; use a power of two over 1")


def require_weight(plan: "Plan") -> None:
    """Weights travel such that a mean can be formed, by whoever reads the sums."""
    if (plan.weight is Placement.MASKED) != (plan.masking is not None):
        raise PlanError("with masking, weights are masked, and only then; correct `weight`")
    if plan.weight is Placement.ENCRYPTED and (plan.clear.mask.any() or plan.metrics):
        raise PlanError(
            "the server cannot divide readable sums by weights that it cannot read; add `masking`, "
            "encrypt or drop everything, or say weight=Placement.CLEAR"
        )
    if plan.weight is Placement.ENCRYPTED and plan.encryption is None:
        raise PlanError("nothing is encrypted; choose another placement of the weights")


def require_metrics(plan: "Plan") -> None:
    """Metrics are distinct and bounded."""
    names = [(metric.purpose, metric.name) for metric in plan.metrics]
    if len(set(names)) != len(names):
        raise PlanError("a metric is listed twice; list it once for each purpose")
    if any(not 0 < metric.limit < math.inf for metric in plan.metrics):
        raise PlanError("a metric's limit is not positive and finite; give its largest magnitude")


def require_noise(plan: "Plan") -> None:
    """Noise covers all that the server sums, and is that of as many clients as a sum holds."""
    if plan.noise is None:
        return
    if plan.encrypted.mask.any() or plan.clear.mask.any() or plan.metrics:
        raise PlanError("noise covers the masked model only; mask or drop all of it, and list no metrics")
    if plan.noise.honest > plan.min_clients:
        raise PlanError(
            f"noise of {plan.noise.honest} honest clients in sums of {plan.min_clients}; raise min_clients"
        )


def require_capacity(plan: "Plan") -> None:
    """Sums of a full round neither wrap around nor fall below every client's floors."""
    if plan.encryption is not None:
        _require_encryption(plan.encryption, plan)
    if plan.masking is None:
        return
    if not plan.train.masked_values.size:
        raise PlanError("nothing but weights is masked; mask a tensor or list a metric")
    config = plan.config(plan.train, session=bytes(16), round_=0, context=bytes(32))
    Floors(min_clients=max(plan.min_clients, 3)).require_round(config, plan.clients)


def _require_encryption(params: he.Params, plan: "Plan") -> None:
    if params.encryption is not he.Encryption.SHARED_KEY:
        raise PlanError("clients must open the model that they train; encrypt under the shared key")
    if params.max_clients < plan.clients:
        raise PlanError(f"parameters for {params.max_clients} clients, not {plan.clients}; make new keys")
    if plan.weight is Placement.ENCRYPTED and (params.max_abs < 1 or plan.unit * params.step > 1):
        raise PlanError("the encryption's grid does not hold weights exactly; raise max_abs or step_bits")
