"""Named adversaries: compositions with the settings they are known by."""

from collections.abc import Callable

from attacks.base import Attack
from attacks.errors import AttackError
from attacks.evidence import readable, zero_filled
from attacks.guess import Guess
from attacks.linear import ClosedFormLinear
from attacks.matching import GradientMatching
from attacks.prior import Box, Product, TotalVariation


def mask_aware() -> Attack:
    """Matches the readable coordinates only; the adversary that a selective defense really faces."""
    return GradientMatching(view=readable, prior=Product((Box(), TotalVariation(1e-2))))


def mask_naive() -> Attack:
    """Matches zeros where the update is encrypted, as FedML's and FedML-HE's evaluations do."""
    return GradientMatching(view=zero_filled, prior=Product((Box(), TotalVariation(1e-2))))


PRESETS: dict[str, Callable[[], Attack]] = {
    "mask_naive": mask_naive,
    "mask_aware": mask_aware,
    "closed_form": ClosedFormLinear,
    "guess": Guess,
}


def preset(name: str) -> Attack:
    """The attack of this name; raises AttackError naming the known ones."""
    if name not in PRESETS:
        raise AttackError(f"no attack {name!r}; choose among {', '.join(PRESETS)}")
    return PRESETS[name]()
