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
from benchmarks.leakage.common import Journal, Key, finish, options, show, write
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

VICTIMS = 5
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
        victims: their number.
        seed: of everything.
        folder: of trained networks.
    """

    data: str
    steps: tuple[int, ...]
    victims: int
    seed: int
    folder: Path


@dataclass(frozen=True)
class Cell:
    """One attack on all victims of one network behind one defense, after some steps."""

    network: Network
    defense: Mechanism
    step: int
    attack: str

    def key(self, plan: Plan) -> Key:
        """What tells it from all others."""
        found = {"network": self.network.name, "defense": self.defense.name, "step": self.step}
        fixed = {"data": plan.data, "seed": plan.seed, "victims": plan.victims, "knobs": repr(self.defense)}
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


def run(plan: Plan, cell: Cell) -> dict[str, Any]:
    """One cell: what was found of every victim."""
    trajectory, networks = trained(plan, cell.network, cell.defense)
    network, images = networks[cell.step], trajectory.held_out()[-plan.victims :]
    seen = [trajectory.attacked(network, int(image)) for image in images]
    start, rng = time.process_time(), torch.Generator().manual_seed(plan.seed)
    found = cell.adversary().reconstruct_many([case for case, _, _ in seen], seen[0][1], rng=rng)
    seconds = (time.process_time() - start) / len(seen)
    pictures, fed = (np.concatenate(parts) for parts in ([f.images for f in found], [x for _, _, x in seen]))
    labels = zip(found, trajectory.data.labels[images].tolist(), strict=True)
    return {
        "accuracy": trajectory.accuracy(network),
        "psnr": psnr(pictures, fed).tolist(),
        "raw_psnr": psnr(pictures, trajectory.data.images[images]).tolist(),
        "ssim": ssim(pictures, fed).tolist(),
        "labels_right": [one.labels == (label,) for one, label in labels],
        "cpu_seconds": seconds,
    }


def summary(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line for each cell."""
    return [
        {name: line[name] for name in ("network", "defense", "step", "accuracy", "attack")}
        | {"images": len(line["psnr"]), "psnr": float(np.mean(line["psnr"]))}
        | {"psnr_ci95": interval(np.asarray(line["psnr"])), "least_psnr": min(line["psnr"])}
        | {"raw_psnr": float(np.mean(line["raw_psnr"])), "ssim": float(np.mean(line["ssim"]))}
        | {"labels_right": sum(line["labels_right"]), "cpu_s": line["cpu_seconds"]}
        for line in lines
    ]


def main() -> None:
    """Run what is not finished yet, write the JSON after each network, print the table."""
    parser = options(__doc__, "trajectory")
    parser.add_argument("--data", default="mnist5k", help="as of `gradveil audit`: mnist5k, npz:PATH ...")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    steps, victims = (STEPS[:2], 1) if chosen.quick else (STEPS, VICTIMS)
    plan = Plan(chosen.data, steps, victims, chosen.seed, chosen.journal.parent / "trajectory")
    lines: list[dict[str, Any]] = []
    for network in NETWORKS:
        mine = [cell for cell in cells(plan) if cell.network is network]
        runs = [(cell.key(plan), partial(run, plan, cell)) for cell in mine]
        lines += finish(Journal(chosen.journal), runs, network.name)
        write(chosen.out, {"iterations": ITERATIONS, "summary": summary(lines), "lines": lines})
    show(f"Attacked over training, {chosen.data}", summary(lines))


if __name__ == "__main__":
    main()
