"""Clipping and noise: what a client's update may say about it is bounded, and then blurred."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from gradveil.defenses.mechanism import DefenseError
from gradveil.defenses.points import UpdateDefense, Work
from gradveil.defenses.update.accounting import Release, epsilon
from gradveil.defenses.update.compact import with_values
from gradveil.exchange import GaussianNoise, LaplaceNoise, Noise, Update


def require_bounds(clip: float, multiplier: float) -> None:
    """Raise DefenseError unless both are positive and finite."""
    if not (0 < clip < np.inf and 0 < multiplier < np.inf):
        raise DefenseError("norm bound and noise multiplier have to be positive and finite; correct them")


@dataclass(frozen=True)
class ClippedNoise(UpdateDefense):
    """A client's mean update is scaled down to a norm, and every coordinate gets noise.

    The unit of privacy is the client, whose update is replaced by zeros. Noise comes from the audit's seeded
    generator so that runs repeat; it is for evaluation, not for deployment.

    Attributes:
        clip: largest norm of the mean update: L2 for normal noise, L1 for Laplace noise.
        multiplier: standard deviation of normal noise, or scale of Laplace noise, over `clip`.
        distribution: of the noise.

    Source: McMahan et al. 2018 (ICLR, DP-FedAvg) with local noise; Dwork and Roth 2014, section 3.3.
    """

    name: ClassVar[str] = "clipped_noise"
    clip: float
    multiplier: float
    distribution: Literal["normal", "laplace"] = "normal"

    def __post_init__(self) -> None:
        require_bounds(self.clip, self.multiplier)

    @property
    def claim(self) -> str:
        """Norm, noise, and where epsilon comes from."""
        order = 2 if self.distribution == "normal" else 1
        return (
            f"updates of L{order} norm {self.clip:g} at most, {self.distribution} noise of "
            f"{self.multiplier:g} times that on each client's own; `epsilon` accounts for the rounds"
        )

    @property
    def noise(self) -> Noise:
        """Public: the adversary is granted it."""
        size = self.multiplier * self.clip
        return GaussianNoise(size) if self.distribution == "normal" else LaplaceNoise(size)

    def epsilon(self, delta: float, rounds: int) -> float:
        """Of a client that takes part in so many rounds, against the server, which sees who does.

        Raises:
            DefenseError: the accountant is not installed.
        """
        return epsilon(Release(self.distribution, self.multiplier, 1.0, rounds), delta)

    def apply(self, update: Update, work: Work, rng: np.random.Generator) -> Update:
        """The clipped and noisy update; coordinates that do not travel get no noise."""
        order = 2 if self.distribution == "normal" else 1
        norm = float(np.linalg.norm(update.vector.astype(np.float64), order))
        clipped = update.vector * np.float32(min(1.0, self.clip / max(norm, 1e-30)))
        draw = rng.standard_normal if self.distribution == "normal" else _laplace(rng)
        return noisy(update, clipped, draw, self.multiplier * self.clip)


def noisy(
    update: Update,
    values: NDArray[np.floating[Any]],
    draw: Callable[[int], NDArray[np.float64]],
    scale: float,
) -> Update:
    """Values (layout.size,) and scaled noise where the update travels; the rest stays zero."""
    return with_values(update, (values + scale * draw(update.layout.size)).astype(np.float32))


def _laplace(rng: np.random.Generator) -> Callable[[int], NDArray[np.float64]]:
    return lambda size: rng.laplace(size=size)
