"""One small round for all tests of the simulation, and what must hold of its report."""

import numpy as np
import pytest

from secagg import Adversary, FixedPoint, RoundConfig
from secagg.simulation import simulate

LENGTH = 12
NAMES = tuple(f"client-{number}" for number in range(8))
FIRST, *OTHERS = NAMES
ENCODING = FixedPoint(clip=2.0, max_clients=16, max_weight=100)
VECTORS = {
    name: np.random.default_rng(number).normal(0, 0.5, LENGTH).astype(np.float32)
    for number, name in enumerate(NAMES)
}
WEIGHTS = {name: 1 + 7 * number for number, name in enumerate(NAMES)}
HONEST, MALICIOUS = Adversary.SEMI_HONEST, Adversary.MALICIOUS
both = pytest.mark.parametrize("adversary", Adversary)


def config(adversary=HONEST, threshold=6, **changes):
    return RoundConfig(
        session=bytes(16),
        round=0,
        context=bytes(32),
        threshold=threshold,
        encoding=ENCODING,
        length=LENGTH,
        adversary=adversary,
        **changes,
    )


def play(adversary=HONEST, faults=None, seed=0, config=config, **options):
    return simulate(config(adversary), VECTORS, WEIGHTS, faults, seed, **options)


def require_exact(report):
    """The sum is that of the survivors, to the last bit."""
    assert not report.reason
    rows = [ENCODING.encode(VECTORS[name], WEIGHTS[name]).tolist() for name in report.aggregate.survivors]
    expected = [sum(column) % 2**ENCODING.modulus_bits for column in zip(*rows, strict=True)]
    assert report.aggregate.ring_total.tolist() == expected


def require_exact_or_aborted(report):
    if report.aggregate is None:
        assert report.reason
    else:
        require_exact(report)


def errors(report, party=None):
    return {each.error for each in report.refusals if party in (None, each.party)}


def fates(report):
    return {fate for message in report.messages for fate in message.fates}
