"""Attacks that match gradients, with something more or without."""

from dataclasses import replace
from typing import Any

import torch

from attacks.base import Attack, Found
from attacks.canvas import GivenPixels
from attacks.errors import AttackError
from attacks.featured import FeatureMatching
from attacks.matching import GradientMatching
from attacks.searches import LBFGS
from attacks.stage import Stage

_FIRST_STEPS = Stage(LBFGS(iterations=30), keep=1)
"""As many as `mask_aware` chooses among its starts by."""


def matching_of(search: Attack) -> GradientMatching:
    """The gradient matching inside an attack, such as one that solves for a defense's secrets beside it.

    Raises:
        AttackError: there is none.
    """
    inner = search if isinstance(search, GradientMatching) else getattr(search, "matching", None)
    if not isinstance(inner, GradientMatching):
        raise AttackError(f"{search.name} does not match gradients; give a search that does")
    return inner


def starting_from(found: Found, search: Attack, brief: bool = False) -> Attack:
    """The search, or no more than its first steps, with its first guess at images that were found."""
    start = GivenPixels(given=torch.from_numpy(found.images)[None])
    matching = replace(matching_of(search), canvas=start, restarts=1)
    if brief:
        matching = replace(matching, stages=(_FIRST_STEPS,))
    if isinstance(search, GradientMatching | FeatureMatching):
        return matching
    secretive: Any = search  # a frozen dataclass with a field of this name, as `matching_of` has found
    searching: Attack = replace(secretive, matching=matching)
    return searching
