"""A labelled set of images in memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradveil.exchange import GradveilError

MAX_IMAGES = 10_000
"""Of a larger source, this many evenly spaced images are taken."""


class DataError(GradveilError):
    """Data is missing, broken, or too small."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images float32 (N, C, H, W) in [0, 1] and labels int64 (N,) below `classes`."""

    name: str
    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    classes: int

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or self.labels.shape != self.images.shape[:1]:
            raise DataError(f"{self.name}: need images (N, C, H, W) and one label each")
        if len(self.images) == 0:
            raise DataError(f"{self.name} holds no images; add some")
        if self.labels.min() < 0 or self.labels.max() >= self.classes:
            raise DataError(f"{self.name}: labels must lie in 0 .. {self.classes - 1}; renumber them")
        if not (np.isfinite(self.images).all() and self.images.min() >= 0 and self.images.max() <= 1):
            raise DataError(f"{self.name}: pixel values must lie in [0, 1]; rescale them")

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    def draw(self, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Indices (count,) of distinct images.

        Raises:
            DataError: the set is too small.
        """
        if count > len(self.images):
            raise DataError(f"{self.name} has {len(self.images)} images, {count} are needed; add images")
        return rng.choice(len(self.images), size=count, replace=False)


def evenly_spaced(count: int) -> list[int]:
    """Indices of at most MAX_IMAGES of `count` images."""
    indices: list[int] = np.linspace(0, count - 1, min(count, MAX_IMAGES)).astype(int).tolist()
    return indices


def one_line(error: Exception) -> str:
    """What another package says is wrong, short enough for one line."""
    return " ".join(str(error).split())[:200]
