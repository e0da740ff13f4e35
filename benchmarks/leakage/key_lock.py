"""Key-Lock (FedKL) against adversaries without its key: `python -m benchmarks.leakage.key_lock [--quick]`.

Three clients, unweighted federated averaging, Adam with steps of 5e-3, one local epoch a round, batches of
16. LeNet learns 10 rounds of 4,000 digits or 2,000 photos, ResNet-20 3 rounds of 1,000 photos, which leaves
it far from done. Accuracies are of images that nobody trained on: every client with its own lock; the same
weights behind another client's lock, a random one, and one that a malicious server fits to 50 images of its
own; `live channels` have a scale that is not zero. Attacks: the gradient of one held-out image in float32,
labels inferred. `fresh` and `trained` networks; `eval` clients normalise by running statistics, `train` ones
by their own example. What an adversary holds: `no lock` (the network with a scale and shift that all know),
`none` (locked, no key: scales taken for one, shifts for zero), `true` and `wrong` (somebody's key and lock),
`free` (no key: scales and shifts are unknowns), `free, moments` (also the example's moments, from the buffers
that it shares). ResNet-20 is searched with 600 signed steps, one image. PSNR in [0, 1], means over images,
and after the best scale and offset for all pixels (`aligned`); `root_psnr` is what FedKL's code calls PSNR,
comparable with nothing else. Finished runs are kept in the journal.
"""

from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from typing import Any, get_args

import numpy as np

from benchmarks.leakage.common import Journal, Key, finish, grouped, options, show, write
from benchmarks.leakage.key_lock_attacks import ROUNDS, Cell, run
from benchmarks.leakage.key_lock_setting import (
    LOCKED,
    Federation,
    Locking,
    accuracy,
    data_of,
    live_channels,
    trained,
    with_lock,
)

FITTED = 300
"""Steps in which a malicious server fits a lock; LeNet only, as they take minutes on a residual network."""


def accuracies(federation: Federation) -> dict[str, Any]:
    """Of every client with its own lock, and of what others make of its weights."""
    networks, held_out = trained(federation), data_of(federation.data)[1]
    own = [accuracy(network, held_out) for network in networks]
    found: dict[str, Any] = {"own": own, "mean": float(np.mean(own))}
    if federation.defense is None:
        return found
    found["live channels"] = [live_channels(network) for network in networks]
    others = {"another client's": networks[1], "random": with_lock(federation, networks[0], 77, 0)}
    federation.defense.adopt(others["another client's"], federation.defense.shared(networks[0]))
    if federation.network == "lenet_bn":
        others["fitted to 50 images"] = with_lock(federation, networks[0], 77, FITTED)
    return found | {name: accuracy(network, held_out) for name, network in others.items()}


def recursions(data: str, weights: str, images: int) -> Iterator[tuple[Cell, int]]:
    """Closed forms with and without the key, and their numbers of images."""
    base = Cell("lenet_bn", data, weights, "eval", "none", "recursion", "no lock")
    yield base, images
    for locking in LOCKED:
        for holds in ("free", "true", "wrong"):
            yield replace(base, locking=locking, holds=holds), images
        for holds in ("free", "free, moments"):
            yield replace(base, locking=locking, mode="train", holds=holds), images


def stages() -> Iterator[tuple[list[Federation], list[tuple[Cell, int]]]]:
    """What is trained, then cells with their numbers of images; results are written after each stage."""
    yield _federations("lenet_bn", "digits"), list(recursions("digits", "trained", 3))
    yield [], list(recursions("digits", "fresh", 2))
    yield [], [one for weights in ("fresh", "trained") for one in _searches(weights)]
    yield [], list(_residual("fresh"))
    yield _federations("resnet20", "cifar10", ("none", "sigmoid")), list(_residual("trained"))
    yield _federations("lenet_bn", "cifar10"), list(recursions("cifar10", "trained", 1))
    yield [], list(recursions("cifar10", "fresh", 1))


def _federations(
    network: str, data: str, lockings: tuple[Locking, ...] = get_args(Locking)
) -> list[Federation]:
    return [Federation(network, data, locking, *ROUNDS[network, data]) for locking in lockings]


def _searches(weights: str) -> Iterator[tuple[Cell, int]]:
    base = Cell("lenet_bn", "digits", weights, "eval", "relu", "matching", "free")
    yield replace(base, locking="none", holds="no lock"), 1
    for holds in ("none", "wrong", "true", "free"):
        yield replace(base, holds=holds), 1
    for attack in ("dlg", "inverting_gradients"):
        yield replace(base, attack=attack, locking="none", holds="no lock"), 1
        yield replace(base, attack=attack, holds="none"), 1
        yield replace(base, attack=attack, holds="true"), 1


def _residual(weights: str) -> Iterator[tuple[Cell, int]]:
    base = Cell("resnet20", "cifar10", weights, "eval", "sigmoid", "signed_adam", "free")
    yield replace(base, locking="none", holds="no lock"), 1
    for holds in ("free", "true", "none"):
        yield replace(base, holds=holds), 1
    yield replace(base, mode="train", locking="none", holds="no lock"), 1
    yield replace(base, mode="train"), 1


def summary(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line for each cell, over its images."""
    keys = ("network", "data", "weights", "mode", "locking", "attack", "holds")
    return [about | _over_images(group) for about, group in grouped(lines, keys)]


def _over_images(group: list[Any]) -> dict[str, Any]:
    done = [line for line in group if line["psnr"] is not None]
    means = {
        name: float(np.mean([line[name] for line in done])) if done else None
        for name in ("psnr", "aligned", "root_psnr")
    }
    worst = min((line["aligned"] for line in done), default=None)
    right = sum(line.get("label_right", False) for line in group)
    seconds = float(np.mean([line["cpu_seconds"] for line in group]))
    return {
        "images": len(group),
        "found": len(done),
        **means,
        "least_aligned": worst,
        "labels_right": right,
        "cpu_s": seconds,
    }


def main() -> None:
    """Run what is not finished yet, write the JSON after each stage, print the tables."""
    chosen = options(__doc__, "key_lock").parse_args()
    journal = Journal(chosen.journal)
    learned: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    for federations, cells in stages():
        learned += finish(
            journal, [(asdict(one), partial(accuracies, one)) for one in federations], "accuracy"
        )
        pairs = [(cell, number) for cell, images in cells for number in range(1 if chosen.quick else images)]
        runs: list[tuple[Key, Any]] = [(asdict(c) | {"image": n}, partial(run, c, n)) for c, n in pairs]
        lines += finish(journal, runs, "attacks")
        write(chosen.out, {"accuracy": learned, "summary": summary(lines), "lines": lines})
    for one in learned:
        show(f"Key-Lock: accuracy, {one['network']}, {one['locking']}", [{k: str(v) for k, v in one.items()}])
    show("Key-Lock: attacks", summary(lines))


if __name__ == "__main__":
    main()
