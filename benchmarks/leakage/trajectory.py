"""Defenses attacked over training: `python -m benchmarks.leakage.trajectory [--quick]`.

Soteria, ATS and PRECODE, each on a network near to the one that the Bayes paper broke it on, and no defense
on the same networks. One client trains behind the defense, batches of 32, Adam; after 0, 1, 5, 10, 50 and 500
steps the gradients of single images that nobody trains on are attacked. `standard` is Inverting Gradients as
if there were no defense, with fewer iterations than published; `adaptive` is the adversary that knows the
defense, `gradveil.adaptive`. Labels are inferred, clients compute in float32 and normalise by running
statistics. PSNR and SSIM of reconstructions clamped to [0, 1] against what was fed in; `raw_psnr` is against
the image before it was transformed. Means over images, with 95 % percentile bootstrap intervals. Trained
networks and finished runs are kept, so that it can be interrupted at any time.

Source: Balunovic et al. 2022 (ICLR), section 5.3.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from attacks import Attack
from attacks.presets.published import inverting_gradients
from benchmarks.leakage.bayes_summary import interval
from benchmarks.leakage.common import Journal, Key, finish, grouped, options, show, write
from benchmarks.leakage.trajectory_networks import FEATURES, small_convbig
from benchmarks.leakage.trajectory_training import STEPS, Trajectory
from gradveil.adaptive import adversary_of
from gradveil.data import load
from gradveil.defenses import ATS, Mechanism, Soteria, identity
from gradveil.defenses.model.precode import Precode
from gradveil.metrics import psnr, ssim
from gradveil.models.dense import funnel_mlp

ITERATIONS = 200
"""Of the standard attack, whose publication has 4000."""

STANDARD, ADAPTIVE = "standard", "adaptive"


@dataclass(frozen=True)
class Network:
    """A network, how it is made, and the defense that was broken on it."""

    name: str
    build: Callable[[tuple[int, int, int], int], nn.Module]
    defenses: tuple[Mechanism, ...]


NETWORKS = (
    Network("funnel_mlp", funnel_mlp, (identity, Precode(layer="13", divergence=3e-3))),
    Network("small_convbig", small_convbig, (identity, ATS("21-13-3+7-4-15"), Soteria(0.8, FEATURES))),
)
"""Bottleneck, policies, share and layer are those of the Bayes paper's code."""


@dataclass(frozen=True)
class Plan:
    """What is run.

    Attributes:
        data: to train on and to attack.
        steps: of training, after which to attack.
        seed: of everything.
        folder: of trained networks.
    """

    data: str
    steps: tuple[int, ...]
    seed: int
    folder: Path


@dataclass(frozen=True)
class Cell:
    """One attack on one network behind one defense, after some steps."""

    network: Network
    defense: Mechanism
    step: int
    attack: str

    def key(self, plan: Plan, victim: int) -> Key:
        """What tells it from all others on one victim."""
        found = {"network": self.network.name, "defense": self.defense.name, "step": self.step}
        fixed = {"victim": victim, "data": plan.data, "seed": plan.seed, "knobs": repr(self.defense)}
        return found | {"attack": self.attack} | fixed

    def adversary(self) -> Attack:
        """Who attacks."""
        return adversary_of(self.defense) if self.attack == ADAPTIVE else inverting_gradients(ITERATIONS)


def cells(plan: Plan) -> Iterator[Cell]:
    """All; without a defense there is nothing to know of."""
    for network, step in product(NETWORKS, plan.steps):
        for defense in network.defenses:
            attacks = (STANDARD,) if defense == identity else (STANDARD, ADAPTIVE)
            yield from (Cell(network, defense, step, attack) for attack in attacks)


@cache
def trained(plan: Plan, network: Network, defense: Mechanism) -> tuple[Trajectory, dict[int, nn.Module]]:
    """A trajectory and its networks by step."""
    name = f"{network.name}-{defense.name}"
    one = Trajectory(name, network.build, defense, load(plan.data), plan.seed, plan.steps)
    return one, one.networks(plan.folder)


@cache
def accuracy(plan: Plan, network: Network, defense: Mechanism, step: int) -> float:
    """On images that nobody trains on."""
    trajectory, networks = trained(plan, network, defense)
    return trajectory.accuracy(networks[step])


def run(plan: Plan, cell: Cell, victim: int) -> dict[str, Any]:
    """One attack on one victim."""
    trajectory, networks = trained(plan, cell.network, cell.defense)
    network, image = networks[cell.step], int(trajectory.held_out()[victim])
    case, model, fed = trajectory.attacked(network, image)
    start, rng = time.process_time(), torch.Generator().manual_seed(victim)
    found = cell.adversary().reconstruct(case.observation, model, client=case.client, rng=rng)
    seconds = time.process_time() - start
    return {
        "accuracy": accuracy(plan, cell.network, cell.defense, cell.step),
        "psnr": float(psnr(found.images, fed)[0]),
        "raw_psnr": float(psnr(found.images, trajectory.data.images[[image]])[0]),
        "ssim": float(ssim(found.images, fed)[0]),
        "label_right": found.labels == (int(trajectory.data.labels[image]),),
        "cpu_seconds": seconds,
    }


def summary(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line for each cell, over its victims."""
    keys = ("network", "defense", "step", "accuracy", "attack")
    return [about | _over_victims(group) for about, group in grouped(lines, keys)]


def _over_victims(group: list[Any]) -> dict[str, Any]:
    psnrs, means = np.array([line["psnr"] for line in group]), ("raw_psnr", "ssim", "cpu_seconds")
    return {
        "victims": len(group),
        "psnr": float(psnrs.mean()),
        "psnr_ci95": interval(psnrs),
        "least_psnr": float(psnrs.min()),
        **{name: float(np.mean([line[name] for line in group])) for name in means},
        "labels_right": sum(line["label_right"] for line in group),
    }


def main() -> None:
    """Run what is not finished yet, victim after victim; write the JSON after each, print the table."""
    parser = options(__doc__, "trajectory")
    parser.add_argument("--data", default="mnist5k", help="as of `gradveil audit`: mnist5k, npz:PATH ...")
    parser.add_argument("--victims", type=int, default=5)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    steps, victims = (STEPS[:2], 1) if chosen.quick else (STEPS, chosen.victims)
    plan = Plan(chosen.data, steps, chosen.seed, chosen.journal.parent / "trajectory")
    lines: list[dict[str, Any]] = []
    for victim in range(victims):
        runs = [(cell.key(plan, victim), partial(run, plan, cell, victim)) for cell in cells(plan)]
        lines += finish(Journal(chosen.journal), runs, f"victim {victim}")
        write(chosen.out, {"iterations": ITERATIONS, "summary": summary(lines), "lines": lines})
    show(f"Attacked over training, {chosen.data}", summary(lines))


if __name__ == "__main__":
    main()
