"""Second order against first order on a sigmoid LeNet: `python -m benchmarks.leakage.lenet [--quick]`.

One CIFAR-10 image, label inferred, weights U(-0.5, 0.5), nothing encrypted or part of the update: the largest
30 %, the 10 % with the largest Jacobian rows, or 60 % at random. PSNR of reconstructions clamped to [0, 1].
Interrupt it at any time: finished runs are kept in the journal.
"""

import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from attacks import GradientMatching, Model
from attacks.presets import mask_aware, second_order
from benchmarks.leakage.common import CLIENT, Journal, cifar10, observed, options, progress_bars, show, write
from gradveil import models
from gradveil.data import Dataset
from gradveil.metrics import psnr

NETWORKS = {"lenet4": 100, "lenet": 10}
"""Networks by name, with their classes: that of the DLG code, and ours of three convolutions."""

MASKS = ("none", "magnitude 30 %", "row norm 10 %", "random 60 %")
_DIRECTIONS, _STEP = 16, 1e-4


def first_order() -> GradientMatching:
    """As many label candidates and iterations as the second-order attack has before it goes on."""
    return replace(mask_aware(), stages=second_order().stages[:2])


ATTACKS = {"first order": first_order, "second order": second_order}


def hidden(mask: str, model: Model, image: NDArray[np.float32], label: int, seed: int) -> NDArray[np.int64]:
    """Encrypted coordinates."""
    size, labels, batch = model.layout.size, torch.tensor([label]), torch.from_numpy(image)
    if mask == "none":
        return np.zeros(0, dtype=np.int64)
    if mask == "random 60 %":
        return np.random.default_rng(seed).permutation(size)[: round(0.6 * size)]
    if mask == "magnitude 30 %":
        return np.argsort(-model.gradient(batch, labels).abs().numpy(), kind="stable")[: round(0.3 * size)]
    return np.argsort(-row_norms(model.double(), batch.double(), labels, seed))[: round(0.1 * size)]


def row_norms(model: Model, batch: torch.Tensor, labels: torch.Tensor, seed: int) -> NDArray[np.float64]:
    """Norms (P,) of the Jacobian's rows, estimated from derivatives in random directions."""
    rng, total = torch.Generator().manual_seed(seed), 0.0
    for _ in range(_DIRECTIONS):
        step = _STEP * torch.randn(batch.shape, generator=rng, dtype=batch.dtype)
        total += (model.gradient(batch + step, labels) - model.gradient(batch - step, labels)).square()
    return total.sqrt().numpy()


def run(data: Dataset, network: str, mask: str, attack: str, image: int, seed: int) -> dict[str, Any]:
    """One attack on one image."""
    shape, classes = data.input_shape, NETWORKS[network]
    model = Model(models.build(network, shape, classes, seed), shape, classes)
    truth, label = data.images[[image]], data.labels[[image]]
    observation = observed(model, truth, label, hidden(mask, model, truth, int(label[0]), seed))
    start, rng = time.process_time(), torch.Generator().manual_seed(seed)
    found = ATTACKS[attack]().reconstruct(observation, model, client=CLIENT, rng=rng)
    line = {
        "psnr": float(psnr(found.images, truth)[0]),
        "label_right": found.labels == (int(label[0]),),
        "cpu_seconds": time.process_time() - start,
    }
    if found.certificate is not None:
        line |= {"rank": found.certificate.rank, "pixels": found.certificate.dimension}
        line |= {"exact": found.certificate.exact, "expected_psnr": found.certificate.psnr}
    return line


def summary(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line for each network, mask and attack."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for line in lines:
        groups.setdefault((line["network"], line["mask"], line["attack"]), []).append(line)
    return [
        {
            "network": network,
            "mask": mask,
            "attack": attack,
            "images": len(group),
            "mean_psnr": float(np.mean([line["psnr"] for line in group])),
            "over_110_db": sum(line["psnr"] >= 110 for line in group),
            "certified": sum(line.get("exact", False) for line in group),
            "rank": str(sorted({line["rank"] for line in group if "rank" in line})),
            "max_cpu_seconds": max(line["cpu_seconds"] for line in group),
        }
        for (network, mask, attack), group in groups.items()
    ]


def main() -> None:
    """Run what is not finished yet, print the table and write the JSON."""
    parser = options(__doc__, "lenet")
    parser.add_argument("--images", type=int, default=10)
    chosen = parser.parse_args()
    data, journal = cifar10(), Journal(chosen.journal)
    images = data.draw(1 if chosen.quick else chosen.images, np.random.default_rng(chosen.seed)).tolist()
    cells = [(n, m, a, i) for i in images for n in NETWORKS for m in MASKS for a in ATTACKS]
    lines = []
    try:
        with progress_bars() as progress:
            for network, mask, attack, image in progress.track(cells, description="LeNet"):
                key = {
                    "network": network,
                    "mask": mask,
                    "attack": attack,
                    "image": image,
                    "seed": chosen.seed,
                }
                done = journal.get(key)
                lines.append(key | (done or journal.add(key, run(data, *key.values(), chosen.seed))))
    except KeyboardInterrupt:
        sys.exit(f"stopped; finished runs are in {chosen.journal}, the same command goes on from there")
    table = summary(lines)
    show("LeNet, CIFAR-10, one example", table)
    write(chosen.out, {"summary": table, "lines": lines})


if __name__ == "__main__":
    main()
