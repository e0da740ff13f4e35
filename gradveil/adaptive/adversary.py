"""From a defense to the Bayes adversary who knows its knobs: in the likelihood, the view, the labels."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from attacks import Informed
from attacks.evidence import UnmaskedColumns
from attacks.exact import RGap
from attacks.featured import FeatureMatching
from attacks.likelihoods import (
    Clipped,
    Comparing,
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
from gradveil.adaptive.helpers import NATURAL, helpers
from gradveil.adaptive.heuristic import HEURISTIC, Knowing
from gradveil.adaptive.models import Adversaries, against_model
from gradveil.defenses import (
    ATS,
    BatchDefense,
    ClippedNoise,
    Defense,
    DefenseError,
    Gaussian,
    Hybrid,
    Mechanism,
    ModelDefense,
    Outpost,
    PrivateGradient,
    RandomPruning,
    SelectiveEncryption,
    Sign,
    Soteria,
    Stages,
    TopK,
    Uniform,
    parts_of,
)
from gradveil.exchange import Noise

ADAPTIVE = "adaptive"
"""Name under which an audit asks for the adversary of whatever defense it runs."""


def adversary_of(defense: Mechanism, *, batch: int = 1, budget: float = math.inf) -> Informed:
    """The adversary who knows the defense and its knobs, but no secret of it.

    Its search starts as `mask_aware`, which reads of the wire what can be read and takes granted noise into
    account, and learns of one part after the other; behind a part in the model, that part's secrets are
    unknowns. Closed forms come before it where readings are the gradient's own values, and adversaries who
    know nothing help with images to start from. Of all ends the one of highest posterior is kept, see
    `attacks.Informed`. The target is what was fed in, not what that was made from.

    Args:
        defense: what is attacked.
        batch: examples of a client.
        budget: seconds after which nothing further begins once something is found; records repeat only if
            it is infinite.

    Raises:
        DefenseError: nobody has said how to attack one of the parts.
    """
    # Large linear layers are compared without being written out, which costs float32 half of its digits.
    matching = replace(_matching(parts_of(defense), defense.noise), double=defense.noise is None)
    exact = _exact(defense)
    closed, search = _strategies(defense, matching, exact)
    aided = helpers(matching, search, exact and _incomplete(defense), defense.noise, batch)
    return Informed(search, closed if exact else (), aided, budget)


def _strategies(defense: Mechanism, matching: GradientMatching, exact: bool) -> Adversaries:
    """Closed forms that know the defense, and the search."""
    model, parts = Stages.of(defense).model, parts_of(defense)
    if model is not None:
        return against_model(model, matching, exact)
    return (RGap(),), FeatureMatching(matching) if _leaves_features(parts) else matching


def _exact(defense: Mechanism) -> bool:
    """Whether what is read of an update are the gradient's own values, and not something near to them."""
    unchanged = BatchDefense | ModelDefense | TopK | RandomPruning | Defense
    return defense.noise is None and all(isinstance(part, unchanged) for part in parts_of(defense))


def _incomplete(defense: Mechanism) -> bool:
    """Whether some values are dropped or encrypted."""
    hiding = TopK | RandomPruning | SelectiveEncryption | Hybrid
    return any(isinstance(part, hiding) for part in parts_of(defense))


def _matching(parts: Sequence[Mechanism], noise: Noise | None) -> GradientMatching:
    """The search that knows all parts but one in the model."""
    attack = mask_aware()
    if noise is not None or any(isinstance(part, Sign | Uniform) for part in parts):
        attack = replace(attack, prior=NATURAL)
    for part in parts:
        attack = _knowing(part)(attack)
    pruned = 1 - _kept_beneath_noise(parts)
    if pruned:
        attack = replace(attack, likelihood=_summed_out(attack.likelihood, pruned))
    return replace(attack, likelihood=_bounded(parts, attack.likelihood))


def _bounded(parts: Sequence[Mechanism], likelihood: Likelihood) -> Likelihood:
    """What top-k dropped is smaller than what was read, unless something else hides coordinates, too."""
    hiding = Soteria | RandomPruning | Outpost | SelectiveEncryption | Hybrid
    alone = any(isinstance(part, TopK) for part in parts) and not any(isinstance(p, hiding) for p in parts)
    return LargestRead(likelihood) if alone and isinstance(likelihood, Comparing) else likelihood


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


def _leaving_out(part: TopK | RandomPruning) -> Knowing:
    """The wire shows what was kept; what a mask chosen from the data tells besides, `_bounded` knows."""
    return lambda attack: attack


def _sign(part: Sign) -> Knowing:
    """Weight of the variation and temperature are the best of nine pairs on two digits and LeNet."""
    return lambda attack: replace(attack, likelihood=Signs())


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
        return lambda attack: replace(attack, likelihood=Cosine(), prior=mask_aware().prior)
    return lambda attack: replace(attack, likelihood=Clipped(part.clip, 2, attack.likelihood))


def _soteria(part: Soteria) -> Knowing:
    return lambda attack: replace(attack, view=UnmaskedColumns(part.layer, attack.view))


_ADAPTED: Mapping[type[Mechanism], Callable[..., Knowing]] = {
    TopK: _leaving_out,
    RandomPruning: _leaving_out,
    Sign: _sign,
    Uniform: _uniform,
    ClippedNoise: _clipped_noise,
    PrivateGradient: _private_gradient,
    Soteria: _soteria,
    **HEURISTIC,
}
