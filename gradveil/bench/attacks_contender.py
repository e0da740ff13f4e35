"""What the benchmark needs of an attack: steps of all restarts, timed, and whole reconstructions."""

from collections.abc import Callable
from time import perf_counter
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from gradveil.bench.attacks_victim import Victim

T = TypeVar("T")

STEP_SIZE = 0.1
"""Of Adam, for all: Geiping et al. 2020."""

Images = NDArray[np.float32]


class Stepper(Protocol):
    """An attack in the middle of its search."""

    def seconds(self, steps: int) -> float:
        """Seconds of so many steps of each restart, without what is done once before or after them."""


class Racer(Protocol):
    """An implementation of Adam on the squared distance of gradients.

    Attributes:
        name: of the set-up, for the results.
        package: for the results.
    """

    name: str
    package: str

    def start(self, victim: Victim, restarts: int) -> Stepper:
        """All restarts at their first points."""


class Adversary(Protocol):
    """A whole attack with its own search; attributes as those of a `Racer`."""

    name: str
    package: str

    def reconstruct(self, victim: Victim, restarts: int, iterations: int) -> Images:
        """The image (1, C, H, W) of the restart that it takes to be the best, in [0, 1]."""


def timed(work: Callable[[], T], device: torch.device) -> tuple[float, T]:
    """Seconds until the work is done, on the device as well, and its result; synchronises nowhere else."""
    _finish(device)
    start = perf_counter()
    result = work()
    _finish(device)
    return perf_counter() - start, result


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
