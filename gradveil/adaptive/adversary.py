"""From a defense to the Bayes adversary who knows its knobs: in the likelihood, the view, the labels."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from attacks import Attack
from attacks.evidence import UnmaskedColumns
from attacks.featured import FeatureMatching
from attacks.likelihoods import (
    Clipped,
    Cosine,
    Gridded,
    LargestRead,
    Likelihood,
    PruningMixture,
    Signs,
    grid_deviation,
)
from attacks.likelihoods import Gaussian as NormalErrors
from attacks.likelihoods import Laplace as LaplaceErrors
from attacks.matching import GradientMatching
from attacks.presets import mask_aware
from attacks.priors import Box, Product, TotalVariation
from gradveil.adaptive.heuristic import HEURISTIC, Knowing
from gradveil.adaptive.models import against_model
from gradveil.defenses import (
    ATS,
    ClippedNoise,
    Defense,
    DefenseError,
    Gaussian,
    Mechanism,
    ModelDefense,
    PrivateGradient,
    RandomPruning,
    Sign,
    Soteria,
    Stages,
    TopK,
    Uniform,
    parts_of,
)

ADAPTIVE = "adaptive"
"""Name under which an audit asks for the adversary of whatever defense it runs."""


def adversary_of(defense: Mechanism) -> Attack:
    """The adversary who knows the defense and its knobs, but no secret of it.

    It starts as `mask_aware`, which reads of the wire what can be read and takes granted noise into account,
    and learns of one part after the other. Behind a defense in the model, closed forms that know it come
    first, if nothing else changes the readings; behind Soteria and ATS, the first linear layer's input does.
    The target is what was fed in, not what that was made from.

    Raises:
        DefenseError: nobody has said how to attack one of the parts.
    """
    parts = parts_of(defense)
    model, matching = Stages.of(defense).model, _matching(parts)
    if model is None:
        return FeatureMatching(matching) if _leaves_features(parts) else matching
    exact = matching == mask_aware() and defense.noise is None
    return against_model(model, matching, exact)


def _matching(parts: Sequence[Mechanism]) -> GradientMatching:
    """The search that knows all parts but one in the model."""
    attack = mask_aware()
    for part in parts:
        attack = _knowing(part)(attack)
    pruned = 1 - _kept_beneath_noise(parts)
    return replace(attack, likelihood=_summed_out(attack.likelihood, pruned)) if pruned else attack


def _leaves_features(parts: Sequence[Mechanism]) -> bool:
    """Whether all changes are Soteria's or ATS's, and what is read of other layers is their own gradient."""
    unchanged = Soteria | ATS | TopK | RandomPruning | Defense
    return any(isinstance(part, Soteria | ATS) for part in parts) and all(
        isinstance(part, unchanged) for part in parts
    )


def _kept_beneath_noise(parts: Sequence[Mechanism]) -> float:
    """Share that random pruning keeps where noise of the wire, on all coordinates, hides which these are."""
    if not isinstance(parts[-1], Gaussian):
        return 1.0
    return math.prod(part.share for part in parts if isinstance(part, RandomPruning))


def _summed_out(likelihood: Likelihood, pruned: float) -> Likelihood:
    """The same over all masks that prune a coordinate with this probability, before the noise."""
    if isinstance(likelihood, Clipped):
        return replace(likelihood, noise=_summed_out(likelihood.noise, pruned))
    return PruningMixture(pruned, likelihood) if isinstance(likelihood, NormalErrors) else likelihood


def _knowing(part: Mechanism) -> Knowing:
    if isinstance(part, Defense | ModelDefense):
        return lambda attack: attack
    for kind, adapt in _ADAPTED.items():
        if isinstance(part, kind):
            return adapt(part)
    known = ", ".join(kind.__name__ for kind in _ADAPTED)
    raise DefenseError(f"no adaptive adversary is known for {part.name!r}; there is one for {known}")


def _top_k(part: TopK) -> Knowing:
    """What was dropped is smaller than what was read."""
    return lambda attack: replace(attack, likelihood=LargestRead(attack.likelihood))


def _random_pruning(part: RandomPruning) -> Knowing:
    """The wire shows what was kept, by a mask that ignores the data: leaving the rest out is exact."""
    return lambda attack: attack


def _sign(part: Sign) -> Knowing:
    """Weight of the variation and temperature are the best of nine pairs on two digits and LeNet."""
    prior = Product((Box(), TotalVariation(3.0)))
    return lambda attack: replace(attack, likelihood=Signs(), prior=prior)


def _uniform(part: Uniform) -> Knowing:
    stochastic = part.rounding == "stochastic"
    bias = None if part.bias_bits is None else grid_deviation(part.bias_bits, stochastic)
    return lambda attack: replace(attack, likelihood=Gridded(grid_deviation(part.bits, stochastic), bias))


def _clipped_noise(part: ClippedNoise) -> Knowing:
    """The prediction is clipped, too."""
    if part.distribution == "laplace":
        return lambda attack: replace(attack, likelihood=Clipped(part.clip, 1, LaplaceErrors()))
    return lambda attack: replace(attack, likelihood=Clipped(part.clip, 2, attack.likelihood))


def _private_gradient(part: PrivateGradient) -> Knowing:
    """As above for a lot of one; else how far each example was scaled down is unknown: directions only."""
    if part.lot > 1:
        return lambda attack: replace(attack, likelihood=Cosine())
    return lambda attack: replace(attack, likelihood=Clipped(part.clip, 2, attack.likelihood))


def _soteria(part: Soteria) -> Knowing:
    return lambda attack: replace(attack, view=UnmaskedColumns(part.layer, attack.view))


_ADAPTED: Mapping[type[Mechanism], Callable[..., Knowing]] = {
    TopK: _top_k,
    RandomPruning: _random_pruning,
    Sign: _sign,
    Uniform: _uniform,
    ClippedNoise: _clipped_noise,
    PrivateGradient: _private_gradient,
    Soteria: _soteria,
    **HEURISTIC,
}
