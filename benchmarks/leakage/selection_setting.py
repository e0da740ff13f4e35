"""Networks, images and strategies of the experiment on selections."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from attacks import Model, preset
from benchmarks.leakage.common import cifar10
from gradveil import models
from gradveil.calibration import CalibrationError, Examples, adversarial, rank
from gradveil.data import Dataset, load
from gradveil.exchange import Selection
from gradveil.selection import Ranking

NETWORKS = {
    "lenet": cifar10,
    "fedavg_cnn": lambda: load("mnist5k"),
    "relu_mlp": cifar10,
    "lenet4": cifar10,
}
"""Networks by name, with the data they are attacked on."""

STRATEGIES = (
    "random",
    "magnitude_own",
    "sensitivity",
    "maskcrypt",
    "row_norm",
    "row_norm_per_gradient",
    "information",
    "information_own",
)
"""As `gradveil.calibration` names them; `_own` looks at the victim's image, the rest at public ones."""

FIXED = ("none", "named", "all")
"""What has a share of its own: nothing, the first and the last layer, everything."""

REFINED = "adversarial"
"""`information`, refined by attacks on a public image; by name only, as it costs an attack an exchange."""

RATIOS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
_PUBLIC_IMAGES = 8


@dataclass(frozen=True)
class Setting:
    """One network with its data.

    Attributes:
        network: its name in `NETWORKS`.
        seed: of the weights, the images drawn, and what strategies draw.
    """

    network: str
    seed: int

    def images(self) -> NDArray[np.int64]:
        """All images in random order: public ones first, then the victims'."""
        return np.random.default_rng(self.seed).permutation(len(data(self.network).images))

    def examples(self, chosen: NDArray[np.int64], source: str) -> Examples:
        """Some images, with the public network."""
        images, labels = data(self.network).images[chosen], data(self.network).labels[chosen]
        found = model(self.network, self.seed)
        return Examples(found, torch.from_numpy(images), torch.from_numpy(labels), source, seed=self.seed)

    def public(self) -> Examples:
        """Nobody's."""
        return self.examples(self.images()[:_PUBLIC_IMAGES], "public images")

    def unseen(self) -> Examples:
        """One more that is nobody's, and that no strategy has calibrated on."""
        return self.examples(self.images()[-1:], "an unseen public image")

    def victim(self, number: int) -> Examples:
        """One client's image."""
        at = _PUBLIC_IMAGES + number
        return self.examples(self.images()[at : at + 1], "own images")


@cache
def data(network: str) -> Dataset:
    """What the network is attacked on."""
    return NETWORKS[network]()


@cache
def model(network: str, seed: int) -> Model:
    """The public network."""
    shape, classes = data(network).input_shape, data(network).classes
    return Model(models.build(network, shape, classes, seed), shape, classes)


def ranked(setting: Setting, strategy: str, victim: int) -> Ranking:
    """The strategy's order for one victim."""
    examples = setting.victim(victim) if is_own(strategy) else setting.public()
    return rank(strategy.removesuffix("_own"), examples)


ranking = cache(ranked)
"""The same, made once a process."""


@cache
def refined(setting: Setting, ratio: float | None) -> Ranking:
    """The order that an attack on a public image refines at one ratio."""
    if ratio is None:
        raise CalibrationError(f"{REFINED} refines a ratio; give one")
    start = ranking(setting, "information", 0)
    return adversarial(setting.public().first(1), start, preset("mask_aware"), ratio)


def selection(setting: Setting, strategy: str, ratio: float | None, victim: int) -> Selection:
    """What is encrypted; no ratio means the strategy's own share."""
    if strategy == REFINED:
        return refined(setting, ratio).at(ratio)
    return ranking(setting, strategy, victim if is_own(strategy) else 0).at(ratio)


def is_own(strategy: str) -> bool:
    """Whether the client looks at the very image that it protects."""
    return strategy.endswith("_own")
