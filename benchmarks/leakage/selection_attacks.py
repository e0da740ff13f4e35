"""Attacks behind a selection, many victims at once, the next one only where the ones before failed."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from attacks import Attack, NotApplicableError, preset
from attacks.base import Case
from attacks.matching import GradientMatching
from benchmarks.leakage.common import CLIENT, Key, observed
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

OPEN_DB = 30.0
"""An image reconstructed as well is read; whether another attack is better still decides nothing."""


@dataclass(frozen=True)
class Cell:
    """One selection for every victim, and the attacks on it that follow one another."""

    setting: Setting
    strategy: str
    ratio: float | None
    attacks: tuple[str, ...]

    def key(self, victim: int) -> Key:
        """Tells one victim's run from all others; more victims can be added at any time."""
        about = {"network": self.setting.network, "strategy": self.strategy, "seed": self.setting.seed}
        return about | {"ratio": self.ratio, "victim": victim, "attacks": list(self.attacks)}

    def attacked(self, victims: Sequence[int]) -> dict[int, dict[str, Any]]:
        """The best of the attacks on each victim's image; starts are drawn for all of them in turn."""
        start, best, left = time.process_time(), dict.fromkeys(victims, 0.0), list(victims)
        for attack in self.attacks:
            observations = {v: observation(self.setting, self.strategy, self.ratio, v) for v in left}
            found = reconstructed(self.setting, preset(attack), observations)
            best |= {victim: max(value, best[victim]) for victim, value in found.items()}
            left = [victim for victim in left if best[victim] < OPEN_DB]
        seconds = (time.process_time() - start) / max(len(victims), 1)
        return {
            victim: {"psnr": value, **self._encrypted(victim), "cpu_seconds": seconds}
            for victim, value in best.items()
        }

    def _encrypted(self, victim: int) -> dict[str, float]:
        """How many of the victim's entries that are not zero are encrypted, and what share of them."""
        gradient = self.setting.victim(victim).sample.updates[0].vector
        chosen = selection(self.setting, self.strategy, self.ratio, victim)
        entries = int((gradient[chosen.coords] != 0).sum())
        return {"encrypted_nonzero": entries, "ratio_nonzero": chosen.ratio_nonzero(gradient)}


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


def observation(setting: Setting, strategy: str, ratio: float | None, victim: int) -> Observation:
    """What the server reads of one image's gradient."""
    own, chosen = setting.victim(victim), selection(setting, strategy, ratio, victim)
    return observed(own.model, own.images.numpy(), own.labels.numpy(), chosen.coords)
