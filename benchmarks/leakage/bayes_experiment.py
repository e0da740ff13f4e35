"""Tuning and testing every adversary, run by run."""

import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress

from benchmarks.leakage.bayes_adversaries import CONFIGURATIONS, Settings, adversary, tuned
from benchmarks.leakage.bayes_setting import DEFENSES, Setting
from benchmarks.leakage.journal import Journal
from gradveil.metrics import psnr, within

BATCH = 10

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Plan:
    """How much is run: numbers of images to tune on and to test on."""

    tuning: int
    test: int


FULL, QUICK = Plan(tuning=10, test=100), Plan(tuning=2, test=10)
"""Smaller plans use the first images of larger ones, so that their runs count there."""


@dataclass(frozen=True, eq=False)
class Experiment:
    """All runs of one data set, from the journal where they are finished.

    Attributes:
        delta: radius within which a reconstruction succeeds, in l2 over normalised pixels.
    """

    setting: Setting
    journal: Journal
    progress: Progress
    delta: float

    def run(self, defense: str, name: str, settings: Settings, images: Indices) -> dict[str, Any]:
        """PSNR and l2 distance of each image under one configuration."""
        key = {
            "data": self.setting.data.name, "seed": self.setting.seed, "defense": defense, "adversary": name,
            "settings": asdict(settings), "images": images.tolist(),
        }  # fmt: skip
        return self.journal.get(key) or self.journal.add(key, self._attack(defense, name, settings, images))

    def _attack(self, defense: str, name: str, settings: Settings, images: Indices) -> dict[str, Any]:
        attack = adversary(name, DEFENSES[defense], self.setting, settings)
        cases = self.setting.cases(DEFENSES[defense], images, noise_known=name == "bayes")
        rng = torch.Generator().manual_seed(self.setting.seed)
        began = time.perf_counter()
        found = attack.reconstruct_many(cases, self.setting.model, rng=rng)
        seconds = time.perf_counter() - began
        pictures, truth = np.concatenate([one.images for one in found]), self.setting.data.images[images]
        radius = self.delta * float(self.setting.data.images.std())
        return {
            "psnr": psnr(pictures, truth).tolist(),
            "within": within(pictures, truth, radius),
            "seconds": round(seconds, 2),
        }

    def compare(self, plan: Plan, defense: str, name: str) -> dict[str, Any]:
        """Tune one adversary against one defense, then test it."""
        held_out, test = np.split(self.setting.drawn(FULL.tuning + FULL.test), [FULL.tuning])
        held_out, test = held_out[: plan.tuning], test[: plan.test]
        task = self.progress.add_task(f"{defense}: {name}", total=CONFIGURATIONS + -(-plan.test // BATCH))

        def measure(settings: Settings) -> float:
            result = self.run(defense, name, settings, held_out)
            self.progress.advance(task)
            return float(np.mean(result["psnr"]))

        settings, tuning_psnr = tuned(measure)
        blocks = []
        for block in np.split(test, range(BATCH, len(test), BATCH)):
            blocks.append(self.run(defense, name, settings, block))
            self.progress.advance(task)
        return {"settings": asdict(settings), "tuning_psnr": tuning_psnr, **_joined(blocks)}


def _joined(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "psnr": [value for block in blocks for value in block["psnr"]],
        "within": float(np.average([b["within"] for b in blocks], weights=[len(b["psnr"]) for b in blocks])),
        "seconds": round(sum(block["seconds"] for block in blocks), 1),
    }
