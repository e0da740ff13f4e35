"""Adversaries of defenses that promise no more than that inversions fail."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from attacks.evidence import AmongOthers, Unperturbed
from attacks.labelling import GrantedOrJoint, Joint
from attacks.likelihoods import FirstStep, Orthogonal
from attacks.matching import GradientMatching
from attacks.priors import Box
from gradveil.defenses import ATS, AdaDefense, Censor, ConcealedSamples, InstaHide, Mechanism, MixUp, Outpost

Knowing = Callable[[GradientMatching], GradientMatching]
"""What an attack becomes by knowing of one more part of a defense."""


def _mixup(part: MixUp) -> Knowing:
    """Labels are shares of two classes, so they are solved for."""
    return lambda attack: replace(attack, labelling=Joint())


def _ats(part: ATS) -> Knowing:
    """Nothing to know: the gradient is that of the transformed image, whose label is what it was."""
    return lambda attack: attack


def _instahide(part: InstaHide) -> Knowing:
    """Labels are shares of classes, too; neighbouring pixels are not alike, so variation is not priced."""
    return lambda attack: replace(attack, labelling=Joint(), prior=Box(*part.value_range))


def _ada_defense(part: AdaDefense) -> Knowing:
    """The step is solved for the gradient, to the precision in which it was sent."""
    return lambda attack: replace(attack, likelihood=FirstStep(part.scale, part.softening))


def _censor(part: Censor) -> Knowing:
    """Norms and one orthogonal direction of every tensor; no label can be read from what is sent."""
    return lambda attack: replace(attack, likelihood=Orthogonal(), labelling=GrantedOrJoint())


def _concealed(part: ConcealedSamples) -> Knowing:
    """Synthetic examples are sought, too; they are near normal noise, of unknown labels."""
    box = Box(-3.0, 3.0)
    return lambda attack: replace(attack, view=AmongOthers(attack.view), labelling=Joint(), prior=box)


def _outpost(part: Outpost) -> Knowing:
    """Columns without noise are told by their zeros, and are exact elsewhere."""
    return lambda attack: replace(attack, view=Unperturbed(attack.view))


HEURISTIC: Mapping[type[Mechanism], Callable[..., Knowing]] = {
    MixUp: _mixup,
    ATS: _ats,
    InstaHide: _instahide,
    AdaDefense: _ada_defense,
    Censor: _censor,
    Outpost: _outpost,
    ConcealedSamples: _concealed,
}
"""By kind of defense."""
