"""How finely values are rounded: as coarsely as the wanted error of the aggregate allows."""

import math
from collections.abc import Sequence

import numpy as np

import he
import secagg
from gradveil.exchange import Coords
from gradveil.plan import Masking, Noise, Shrunk
from gradveil.planning.errors import PlanningError
from gradveil.planning.subject import Subject
from gradveil.planning.threat import Threat
from secagg import FixedPoint
from secagg.noise import DiscreteGaussianNoise

SCHEMES: dict[str, type[he.Params]] = {"packed": he.PackedParams, "ckks": he.CkksParams}
"""That new plans may use, by name."""

_MARGIN = 4.0
"""Largest magnitude that a coordinate may reach over the largest of the sample."""

_NORM_MARGIN = 1.05
"""Of the clip of norms over the largest of the sample, so that honest updates mostly stay as they are."""

_NOISY_REACH = 4.0
"""Largest magnitude of running statistics beside noise, in root mean squares of the parameters' changes: few
among many, they add little to the norm, and the noise is small beside them."""

_SHARE = 0.5
"""Of the error's budget for rounding; clipping and dropping have the rest."""

_MOST_BITS, _MOST_NOISY_BITS = 40, 25

_STEPS = 4
"""Of the grid in the standard deviation of one client's noise, so that rounding adds little to its norm."""


def masking_for(subject: Subject, threat: Threat, count: int, error: float) -> Masking:
    """Threshold and neighbours by `secagg.choose`, the smallest ring whose rounding keeps the error.

    Args:
        subject: whose sample updates say how large changes are.
        threat: clients, dropouts, colluders, weights.
        count: number of masked coordinates.
        error: of the aggregate, relative, as of `Budget`.

    Raises:
        InfeasibleError, OverflowRefusedError: nothing keeps the protocol's promises.
    """
    largest = _largest(subject, subject.parameters)
    clip = _power_of_two(largest)
    step = _step(subject, count, error, len(subject.trained))
    bits = min(max(math.ceil(math.log2(clip / step + 1)) + 1, 8), _MOST_BITS)
    encoding = FixedPoint.for_(threat.clients, threat.max_weight, clip, bits)
    return _masking(threat, encoding, _shrunk(subject, largest))


def noisy_masking_for(subject: Subject, threat: Threat, count: int, error: float, noise: float) -> Masking:
    """The same with noise of this norm in the mean of the fewest survivors, over the mean's norm.

    Raises:
        InfeasibleError, OverflowRefusedError, UnprovableClaimError: nothing keeps the protocol's promises.
    """
    reach = _NOISY_REACH * subject.longest / math.sqrt(subject.parameters.size)
    shrunk = _shrunk(subject, reach)
    clip = _NORM_MARGIN * _longest(subject, shrunk)
    sigma = noise * subject.mean_norm * threat.survivors / math.sqrt(count)
    own = sigma / math.sqrt(threat.honest)
    step = min(_step(subject, count, error, len(subject.trained)) / math.sqrt(2), own / _STEPS)
    bits = min(max(math.ceil(math.log2(clip / step + 1)) + 1, 8), _MOST_NOISY_BITS)
    made = Noise(sigma, threat.honest)
    found = DiscreteGaussianNoise.for_(
        threat.clients,
        bits,
        length=count,
        clip_norm=clip,
        sigma=made.sigma,
        survivors_min=made.honest,
        delta=made.delta,
    )
    return _masking(threat, found.encoding, shrunk, made)


def _masking(
    threat: Threat, encoding: FixedPoint, shrunk: tuple[Shrunk, ...], noise: Noise | None = None
) -> Masking:
    found = secagg.choose(
        threat.clients, dropout=threat.dropout, corrupt=threat.corrupt, adversary=threat.server
    )
    return Masking(
        threshold=found.threshold,
        clip=encoding.clip,
        neighbours=None if found.complete else found.neighbours,
        adversary=threat.server,
        modulus_bits=encoding.modulus_bits,
        bits=encoding.bits,
        rounding=encoding.rounding,
        noise=noise,
        shrunk=shrunk,
    )


def _shrunk(subject: Subject, reach: float) -> tuple[Shrunk, ...]:
    """Running statistics that move further than this, divided until they do not."""
    over = {
        name: _largest(subject, np.r_[where]) / reach
        for name, where in subject.layout.slices.items()
        if subject.buffers[where].all()
    }
    return tuple(Shrunk(name, 2.0 ** math.ceil(math.log2(by))) for name, by in over.items() if by > 1)


def _largest(subject: Subject, where: Coords) -> float:
    """Magnitude of any sample client's change at these coordinates of the state."""
    return max(float(np.abs((after - subject.before)[where]).max()) for after in subject.trained)


def _longest(subject: Subject, shrunk: Sequence[Shrunk]) -> float:
    """Norm of any sample client's change, as it meets the clip."""
    factors = np.ones(subject.layout.size)
    for one in shrunk:
        factors[subject.layout.slices[one.tensor]] = one.factor
    changes = ((after - subject.before) / factors for after in subject.trained)
    return max(float(np.linalg.norm(change[~subject.counters])) for change in changes)


def encryption_for(
    subject: Subject, threat: Threat, count: int, error: float, schemes: Sequence[str]
) -> he.Params:
    """The cheapest of the schemes on the wire whose grid keeps the error and holds weights exactly.

    Encrypted coordinates travel as values of the next model, divided by a power of two from `max_weight` on.
    All clients round nearly the same value, and their errors do not average out.

    Raises:
        PlanningError: no scheme carries that precision for so many clients.
    """
    values = max(float(np.abs(after).max()) for after in subject.trained)
    value_range, unit = max(_power_of_two(values), 1.0), 2.0 ** math.ceil(math.log2(threat.max_weight))
    step = min(_step(subject, count, error, 1) * threat.max_weight / unit, 1 / unit)
    bits = math.ceil(math.log2(value_range / step))
    found, reasons = list[he.Params](), list[str]()
    for scheme in schemes:
        try:
            found.append(
                SCHEMES[scheme].for_(clients=threat.clients, value_range=value_range, precision_bits=bits)
            )
        except he.ParametersError as error_:
            reasons.append(str(error_))
    if not found:
        raise PlanningError(f"no encryption: {'; '.join(reasons)}; allow a larger error, or fewer clients")
    return min(found, key=lambda params: params.upload_bytes(count))


def _step(subject: Subject, count: int, error: float, clients: int) -> float:
    """Of values, so that rounding `count` of each client's moves the mean by its share of the error.

    A rounding error is uniform, with variance step^2 / 12, and independent over so many clients.
    """
    return _SHARE * error * subject.mean_norm / math.sqrt(max(count, 1) / (12 * clients))


def _power_of_two(largest: float) -> float:
    return 2.0 ** math.ceil(math.log2(_MARGIN * max(largest, 2.0**-90)))
