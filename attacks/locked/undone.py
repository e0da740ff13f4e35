"""The layers behind a lock, undone."""

from attacks.evidence import Evidence
from attacks.exact.recursion.head import Head
from attacks.exact.recursion.rgap import undone
from attacks.locked.normalised import Behind
from attacks.locked.sites import LockedChain
from attacks.model import Model


def behind_lock(head: Head, chain: LockedChain, evidence: Evidence, model: Model) -> Behind:
    """What enters the activation behind the lock, and the gradient there."""
    solutions, back = undone(head, chain.rest, evidence, model)
    values = solutions[-1].inputs
    arguments, known = chain.activation.inverted(values)
    slopes = chain.activation.slopes(values).clamp_min(0.0)
    parts = arguments, known, back * slopes, slopes / slopes.max()
    return Behind(*(one.reshape(chain.first.output_shape[0], -1) for one in parts))
