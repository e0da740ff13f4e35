"""The Bayes paper's setting: its network, its randomised defenses, and what a server holds of its victims."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from attacks import Case, Model
from gradveil.data import Dataset
from gradveil.exchange import GaussianNoise, Knowledge, Observation, Reading
from gradveil.models.averaging import averaged_cnn
from gradveil.models.normalisation import normalised

CLIENT = "victim"
SCALE = 0.1
"""Standard deviation of the Gaussian noise, and scale b of the Laplace noise."""

KEPT_SHARE = 0.5


@dataclass(frozen=True)
class Defense:
    """A randomised defense of one example's gradient.

    Attributes:
        noise: its density; of scale SCALE, independent on every coordinate.
        pruned: whether a fixed, public mask first sets half of the coordinates to zero.
    """

    noise: Literal["gaussian", "laplace"]
    pruned: bool

    @property
    def std(self) -> float:
        """Standard deviation of the noise."""
        return SCALE if self.noise == "gaussian" else SCALE * 2**0.5


DEFENSES = {
    "gaussian": Defense("gaussian", pruned=False),
    "prune_gaussian": Defense("gaussian", pruned=True),
    "prune_laplace": Defense("laplace", pruned=True),
}


@dataclass(frozen=True, eq=False)
class Setting:
    """One network, one data set and one pruning mask for all adversaries."""

    data: Dataset
    seed: int

    @cached_property
    def model(self) -> Model:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = averaged_cnn(self.data.input_shape, self.data.classes)
        axes = (0, 2, 3)
        mean, std = self.data.images.mean(axes).tolist(), self.data.images.std(axes).tolist()
        return Model(normalised(network, mean, std), self.data.input_shape, self.data.classes)

    @cached_property
    def kept(self) -> NDArray[np.bool_]:
        """Coordinates that pruning keeps; drawn once, known to the Bayes adversary."""
        return self._rng(0).random(self.model.layout.size) < KEPT_SHARE

    def drawn(self, count: int) -> NDArray[np.int64]:
        """Distinct images; the first ones are to tune on."""
        return self.data.draw(count, self._rng(1))

    def cases(self, defense: Defense, images: NDArray[np.int64], noise_known: bool) -> list[Case]:
        """What the server holds of one single-image update for each image; the same for every adversary."""
        return [Case(self._observation(defense, int(image), noise_known), CLIENT) for image in images]

    def _observation(self, defense: Defense, image: int, noise_known: bool) -> Observation:
        layout, label = self.model.layout, int(self.data.labels[image])
        pixels = torch.from_numpy(self.data.images[image : image + 1])
        gradient = self.model.gradient(pixels, torch.tensor([label])).numpy()
        kept = gradient * self.kept if defense.pruned else gradient
        draw = getattr(self._rng(2, image), "normal" if defense.noise == "gaussian" else "laplace")
        values = (kept + draw(scale=SCALE, size=layout.size)).astype(np.float32)
        noise = GaussianNoise(defense.std) if noise_known else None
        reading = Reading(frozenset({CLIENT}), np.arange(layout.size), values, noise)
        return Observation(layout, (reading,), (), (), self._knowledge(label))

    def _knowledge(self, label: int) -> Knowledge:
        labels = {CLIENT: (label,)}
        return Knowledge(
            "bayes_cnn", "cross-entropy", self.data.classes, self.data.input_shape, 1, labels=labels
        )

    def _rng(self, *stream: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *stream])
