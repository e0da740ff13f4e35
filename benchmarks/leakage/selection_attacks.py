"""Attacks behind a selection, many victims at once, the next one only where the ones before failed."""

import time
from collections.abc import Sequence
from typing import Any

import torch

from attacks import Attack, NotApplicableError, preset
from attacks.base import Case
from attacks.matching import GradientMatching
from benchmarks.leakage.common import CLIENT, observed
from benchmarks.leakage.selection_setting import Setting, model, selection
from gradveil.exchange import Observation
from gradveil.metrics import psnr

AWARE = {
    "lenet": ("mask_aware",),
    "relu_mlp": ("closed_form", "mask_aware", "rank_one_completion"),
    "fedavg_cnn": ("closed_form", "mask_aware", "rank_one_completion", "routed_matching"),
}
"""Adversaries that leave hidden coordinates out, cheapest first; what reads an image leaves the rest unasked.

On the LeNet, `second_order` takes two minutes an image and is asked for by name.
"""

NAIVE = ("mask_naive",)
"""One that takes hidden coordinates to be zero."""

_OPEN_DB = 30.0
"""An image reconstructed as well is read; whether another attack is better still decides nothing."""


def attacked(
    setting: Setting, strategy: str, ratio: float, victims: Sequence[int], attacks: Sequence[str]
) -> dict[str, Any]:
    """The best of some attacks on each victim's image behind a selection."""
    start, best, left = time.process_time(), dict.fromkeys(victims, 0.0), list(victims)
    for attack in attacks:
        observations = [observation(setting, strategy, ratio, victim) for victim in left]
        found = reconstructed(setting, preset(attack), dict(zip(left, observations, strict=True)))
        best |= {victim: max(value, best[victim]) for victim, value in found.items()}
        left = [victim for victim in left if best[victim] < _OPEN_DB]
    hidden = [encrypted(setting, strategy, ratio, victim) for victim in victims]
    return {
        "psnr": list(best.values()),
        "encrypted_nonzero": [entries for entries, _ in hidden],
        "ratio_nonzero": [share for _, share in hidden],
        "cpu_seconds": time.process_time() - start,
    }


def reconstructed(setting: Setting, attack: Attack, observations: dict[int, Observation]) -> dict[int, float]:
    """PSNR of the victims' images that the attack applies to; searches take all victims in one batch."""
    network = model(setting.network, setting.seed)
    batches = (
        [list(observations)] if isinstance(attack, GradientMatching) else [[one] for one in observations]
    )
    found: dict[int, float] = {}
    for victims in filter(None, batches):
        cases = [Case(observations[victim], CLIENT) for victim in victims]
        rng = torch.Generator().manual_seed(setting.seed)
        try:
            images = [one.images for one in attack.reconstruct_many(cases, network, rng=rng)]
        except NotApplicableError:
            continue
        truth = [setting.victim(victim).images.numpy() for victim in victims]
        values = [float(psnr(*pair)[0]) for pair in zip(images, truth, strict=True)]
        found |= dict(zip(victims, values, strict=True))
    return found


def observation(setting: Setting, strategy: str, ratio: float, victim: int) -> Observation:
    """What the server reads of one image's gradient."""
    own, chosen = setting.victim(victim), selection(setting, strategy, ratio, victim)
    return observed(own.model, own.images.numpy(), own.labels.numpy(), chosen.coords)


def encrypted(setting: Setting, strategy: str, ratio: float, victim: int) -> tuple[int, float]:
    """How many of the victim's entries that are not zero are encrypted, and what share of them."""
    gradient = setting.victim(victim).sample.updates[0].vector
    chosen = selection(setting, strategy, ratio, victim)
    return int((gradient[chosen.coords] != 0).sum()), chosen.ratio_nonzero(gradient)
