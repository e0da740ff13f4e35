"""From a defense in the model to the adversaries who know it, and none of its secrets."""

from collections.abc import Callable, Mapping

from attacks import Attack, ClosedFormLinear
from attacks.bottleneck import BottleneckMatching, BottleneckRecursion
from attacks.forked import ForkedRecursion, ForkMatching
from attacks.locked import LockedMatching, LockedRecursion
from attacks.matching import GradientMatching
from gradveil.defenses import DefenseError, ModelDefense
from gradveil.defenses.model import KeyLock, Precode, SecretPolarization

Adversaries = tuple[tuple[Attack, ...], Attack]
"""Closed forms, which need the gradient's own values, and a search."""


def against_model(part: ModelDefense, matching: GradientMatching, exact: bool) -> Adversaries:
    """The strongest adversaries that the public network and the readings allow.

    What closed forms cannot undo (rectifiers, several examples, hidden values) is searched for, with the
    secrets among the unknowns.

    Args:
        part: the defense in the model.
        matching: the adversary who knows all the other parts of the defense.
        exact: whether readings are the gradient's own values.

    Raises:
        DefenseError: nobody has said how to attack it.
    """
    for kind, adversaries in _AGAINST.items():
        if isinstance(part, kind):
            return adversaries(part, matching, exact)
    known = ", ".join(kind.__name__ for kind in _AGAINST)
    raise DefenseError(f"no adaptive adversary is known for {part.name!r}; there is one for {known}")


def _key_lock(part: KeyLock, matching: GradientMatching, exact: bool) -> Adversaries:
    return (LockedRecursion(),), LockedMatching(matching)


def _polarization(part: SecretPolarization, matching: GradientMatching, exact: bool) -> Adversaries:
    return (ForkedRecursion(),), ForkMatching(matching, public_weight=part.public_weight)


def _precode(part: Precode, matching: GradientMatching, exact: bool) -> Adversaries:
    """A first layer that sees the pixels gives them away, whatever noise follows."""
    encoder = None if part.layer is None else f"{part.layer}.bottleneck.encoder"
    closed = ClosedFormLinear(inverts=False), BottleneckRecursion(encoder, part.divergence)
    return closed, BottleneckMatching(matching, encoder, part.divergence, reads=exact)


_AGAINST: Mapping[type[ModelDefense], Callable[..., Adversaries]] = {
    KeyLock: _key_lock,
    SecretPolarization: _polarization,
    Precode: _precode,
}
