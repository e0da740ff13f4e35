"""InstaHide: images are mixed with others of their batch, and pixels are mirrored at random."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from gradveil.defenses.mechanism import DefenseError
from gradveil.defenses.points import BatchDefense


@dataclass(frozen=True)
class InstaHide(BatchDefense):
    """Example i becomes a mixture of itself and others, labels likewise; then every pixel's sign is drawn.

    A sign is that of a pixel's distance to the centre c, so that x becomes 2 c - x every second time. Around
    0.5 that stays in [0, 1], but images of black and white are then all alike and nothing is learned from
    them; around their mean, as their authors normalise, digits are learned, and leave the range. Partners are
    distinct and of the same batch; there are no public ones.

    Attributes:
        images: how many are mixed into one.
        largest: bound on every coefficient of a mixture.
        centre: what pixels are mirrored at, in [0, 1].

    Source: Huang et al. 2020 (ICML), algorithm 1, variant inside one data set; 4 images, 0.65, normal
        magnitudes over their sum as coefficients, and signs of normalised pixels as in the authors' code
        (Hazelsuko07/InstaHide, `train_inside.py`). New mixtures are drawn in every call.
    """

    name: ClassVar[str] = "instahide"
    claim: ClassVar[str] = (
        "gradients are of mixtures with half the pixels mirrored, which are what an inversion finds; nothing "
        "is proven, and Carlini et al. 2021 take mixtures of many rounds apart"
    )
    images: int = 4
    largest: float = 0.65
    centre: float = 0.5

    def __post_init__(self) -> None:
        if self.images < 2:
            raise DefenseError(f"{self.images} images are no mixture; mix 2 or more")
        if not 1 / self.images < self.largest <= 1:
            raise DefenseError(f"of {self.images} coefficients one exceeds {self.largest:g}; raise the bound")
        if not 0 <= self.centre <= 1:
            raise DefenseError(f"a centre of {self.centre:g} is no pixel's value; give one in [0, 1]")

    @property
    def value_range(self) -> tuple[float, float]:
        """Least and largest value that can be fed in."""
        return min(0.0, 2 * self.centre - 1), max(1.0, 2 * self.centre)

    def feed(self, images: Tensor, labels: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """The hidden batch and its class probabilities.

        Raises:
            DefenseError: the batch is smaller than a mixture.
        """
        if len(images) < self.images:
            raise DefenseError(f"{len(images)} examples make no mixture of {self.images}; enlarge the batch")
        shares = self._shares(len(images), rng).to(images)
        mixed, classes = (shares @ images.flatten(1)).reshape(images.shape), shares @ labels
        mirrored = torch.randint(2, images.shape, generator=rng, dtype=torch.bool).to(images.device)
        return torch.where(mirrored, 2 * self.centre - mixed, mixed), classes

    def _shares(self, examples: int, rng: torch.Generator) -> Tensor:
        """Coefficients (B, B) of the examples (columns) in the mixtures (rows)."""
        order = torch.rand(examples, examples, generator=rng).fill_diagonal_(-1).argsort(1)
        coefficients = self._coefficients(examples, rng)
        return torch.zeros(examples, examples).scatter(1, order[:, : self.images], coefficients)

    def _coefficients(self, examples: int, rng: torch.Generator) -> Tensor:
        """Of the mixtures, (B, images), the first being that of the example itself."""
        found = torch.zeros(examples, self.images)
        while True:
            again = (found.amax(1) > self.largest) | (found.amax(1) == 0)
            if not bool(again.any()):
                return found
            drawn = torch.randn(examples, self.images, generator=rng).abs()
            found = torch.where(again[:, None], drawn / drawn.sum(1, keepdim=True), found)
