"""Searches for images behind what a view shows: so many steps, however fast the machine is."""

from dataclasses import replace

from torch import Tensor

from attacks import LBFGS, Attack, Box, GradientMatching, Product, Stage, TotalVariation
from attacks.priors.gaussian import GaussianImages

SEARCHES = {"mask_aware": 1e-2, "mask_aware, smoother": 1.0}
"""Names and weights of the total variation: the second is the better one behind noise and in sums."""

_SCREENING, _RESTARTS = 30, 4
_STEPS, _LARGE_STEPS = 600, 60
_AXES = 24


def search(name: str, *, large: bool, steps: int | None, images: Tensor | None) -> GradientMatching:
    """The mask-aware adversary.

    Args:
        name: of SEARCHES.
        large: whether passes through the network are so dear that there is one start and few steps.
        steps: from the best start, None for the default.
        images: (N, *input_shape) whose density it uses, None without.
    """
    prior = Product((Box(), TotalVariation(SEARCHES[name])))
    if images is not None:
        prior = Product((*prior.factors, GaussianImages.fitted(images, min(_AXES, len(images) // 2))))
    found = GradientMatching(prior=prior, restarts=1 if large else _RESTARTS)
    screening = Stage(LBFGS(iterations=_SCREENING), keep=1, screening=True)
    iterations = steps or (_LARGE_STEPS if large else _STEPS)
    return replace(found, stages=(screening, Stage(LBFGS(iterations=iterations, history=100))))


def detail(attack: Attack) -> str:
    """How far it searches; empty for attacks that do not."""
    if not isinstance(attack, GradientMatching) or not isinstance(attack.stages[-1].search, LBFGS):
        return ""
    return f"{attack.restarts} starts, up to {attack.stages[-1].search.iterations} steps"
