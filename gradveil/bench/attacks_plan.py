"""What `gradveil bench attacks` measures, and where."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

import torch

from gradveil.bench.attacks_networks import NETWORKS, Shape, parameters
from gradveil.bench.results import Place

DIGITS = "mnist5k"
"""Comes with this distribution."""

TARGET_DB = 30.0
"""From here on a picture counts as read."""

_BIG = ("ConvNet-64", "ResNet-18", "ResNet-18 (ImageNet)")
_TOO_SLOW = "minutes a repetition on a CPU; use --device cuda"


class AttackMetric(StrEnum):
    """What is measured.

    RESTART_STEP is one evaluation of the squared distance of gradients with its own gradient, and one step of
    Adam, for one of the restarts. SECONDS_TO_30DB is the length of the shortest run that returns 30 dB, among
    runs of 1, 2, 4, ... iterations; PSNR_AT_BUDGET is what the run returns that fills the budget with all its
    restarts.
    """

    RESTART_STEP = "restart_step_ms"
    SECONDS_TO_30DB = "seconds_to_30db"
    PSNR_AT_BUDGET = "psnr_at_budget"


ATTACK_UNITS = {
    AttackMetric.RESTART_STEP: "ms",
    AttackMetric.SECONDS_TO_30DB: "s",
    AttackMetric.PSNR_AT_BUDGET: "dB",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting(Place):
    """One client's update from one image, attacked with some restarts."""

    network: str
    shape: Shape
    restarts: int
    device: str

    @classmethod
    def of(cls, network: str, restarts: int, device: str = "cpu", shape: Shape | None = None) -> Self:
        """A network on the images it is known for, unless a shape is given."""
        shape = shape or NETWORKS[network].shape
        values = parameters(network, shape)
        return cls(values, 1, network=network, shape=shape, restarts=restarts, device=device)

    def __str__(self) -> str:
        sides = "x".join(map(str, self.shape))
        restarts = "1 restart" if self.restarts == 1 else f"{self.restarts} restarts"
        return f"{self.network} {sides}, {restarts}, {self.device}"


@dataclass(frozen=True, slots=True)
class AttackPlan:
    """What one run measures.

    Attributes:
        steps: where restart-steps are timed.
        runs: where whole reconstructions are.
        left_out: where nothing is measured, and why.
        victims: images that each whole attack is tried on.
        budget: seconds that a whole attack may take.
        repetitions: of each timing; medians are reported.
        seconds: that a repetition should take at least, as long as that is no more than `most_steps`.
        most_steps: of a repetition.
        data: where the victims' images come from, see `gradveil.data.load`.
        peers: whether another library is measured too.
        threads: of torch.
    """

    steps: tuple[Setting, ...]
    runs: tuple[Setting, ...]
    left_out: tuple[tuple[Setting, str], ...]
    victims: int
    budget: float
    repetitions: int
    seconds: float
    peers: bool
    most_steps: int = 1024
    data: str = DIGITS
    threads: int = field(default_factory=torch.get_num_threads)

    @classmethod
    def quick(cls, device: str, *, peers: bool) -> Self:
        """Less than a minute on a CPU: two small networks, one victim."""
        steps = _grid(("LeNet", "FedAvg CNN"), (1, 8), device)
        runs = (Setting.of("FedAvg CNN", 1, device),)
        return cls(steps, runs, (), victims=1, budget=4.0, repetitions=3, seconds=0.2, peers=peers)

    @classmethod
    def full(cls, device: str, *, peers: bool) -> Self:
        """Half an hour; on a CPU, big networks only with few restarts."""
        grid = _grid(tuple(NETWORKS), (1, 8, 32), device)
        slow = [each for each in grid if device == "cpu" and _is_slow(each)]
        steps = tuple(each for each in grid if each not in slow)
        runs = _grid(("LeNet", "FedAvg CNN"), (1, 8), device)
        left_out = tuple((each, _TOO_SLOW) for each in slow)
        return cls(steps, runs, left_out, victims=3, budget=10.0, repetitions=5, seconds=1.0, peers=peers)


def _grid(networks: Sequence[str], restarts: Sequence[int], device: str) -> tuple[Setting, ...]:
    return tuple(Setting.of(network, count, device) for network in networks for count in restarts)


def _is_slow(setting: Setting) -> bool:
    if setting.network == "ResNet-18 (ImageNet)":
        return True
    return setting.network in _BIG and setting.restarts > 8
