"""What selective encryption was said to need: `python -m benchmarks.leakage.claims [--quick]`.

FedML-HE: against DLG, the 10 % most sensitive parameters of a LeNet protect as 42.5 % random ones do.
MaskCrypt: 1 % by its priorities protects against reconstruction and membership inference. The adversaries of
the publications take what is encrypted to be zero, or as last seen; ours leave it out. Masks are calibrated
on the very images that they protect, as these protocols have it.
Reconstruction of one CIFAR-10 image, DLG's network with ten classes (CIFAR-100 is not at hand), label not
told; membership of clients' digits after their local training.
"""

import argparse
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import torch

from attacks import Attack, preset
from attacks.evidence import zero_filled
from attacks.presets.published import dlg
from benchmarks.leakage.claims_membership import membership
from benchmarks.leakage.common import Journal, Runs, finish, finished, grouped, options, show, write
from benchmarks.leakage.selection_attacks import observation, reconstructed
from benchmarks.leakage.selection_setting import Setting

_NETWORK, _ITERATIONS = "lenet4", 1200

MASKS = (
    ("FedML-HE", "sensitivity_own", 0.1),
    ("FedML-HE", "random", 0.1),
    ("FedML-HE", "random", 0.425),
    ("MaskCrypt", "maskcrypt_own", 0.01),
    ("MaskCrypt", "random", 0.01),
)
"""Whose claim, strategy and ratio."""

ADVERSARIES: dict[str, Attack] = {
    "theirs: DLG on zeros": replace(dlg(_ITERATIONS), view=zero_filled),
    "DLG on what is readable": dlg(_ITERATIONS),
    "mask_aware": preset("mask_aware"),
    "second_order": preset("second_order"),
}

_SLOW = {"second_order": 2}
"""Images of an adversary that takes two minutes for each."""

Key = dict[str, Any]


def attacked(seed: int, strategy: str, ratio: float, adversary: str, victims: int) -> dict[str, Any]:
    """PSNR of every victim's image behind one mask."""
    setting = Setting(_NETWORK, seed)
    observations = {number: observation(setting, strategy, ratio, number) for number in range(victims)}
    found = reconstructed(setting, ADVERSARIES[adversary], observations)
    return {"psnr": [found[number] for number in observations]}


def chosen_options() -> argparse.Namespace:
    """What to run."""
    parser = options(__doc__, "claims")
    parser.add_argument("--victims", type=int, default=5)
    parser.add_argument("--adversary", choices=ADVERSARIES, action="append", help="default: all")
    parser.add_argument("--clients", type=int, default=20, help="whose membership is tested")
    parser.add_argument("--finished", action="store_true", help="run nothing; tell what the journal holds")
    return parser.parse_args()


def reconstructions(chosen: argparse.Namespace) -> list[tuple[Key, Any]]:
    """Every mask under every adversary."""
    masks = MASKS[:1] if chosen.quick else MASKS
    runs = []
    for adversary, (claim, strategy, ratio) in product(chosen.adversary or ADVERSARIES, masks):
        key = {"claim": claim, "strategy": strategy, "ratio": ratio, "adversary": adversary}
        victims = 1 if chosen.quick else _SLOW.get(adversary, chosen.victims)
        run = partial(attacked, chosen.seed, strategy, ratio, adversary, victims)
        runs.append((key | {"victims": victims, "seed": chosen.seed}, run))
    return runs


def memberships(chosen: argparse.Namespace) -> list[tuple[Key, Any]]:
    """MaskCrypt's mask, a random one and none."""
    clients = 2 if chosen.quick else chosen.clients
    cases = (("none", 0.0), ("maskcrypt", 0.01), ("random", 0.01))
    key = {"claim": "MaskCrypt", "clients": clients, "seed": chosen.seed}
    return [
        (
            key | {"strategy": strategy, "ratio": ratio},
            partial(membership, strategy, ratio, clients, chosen.seed),
        )
        for strategy, ratio in cases
    ]


def summary(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line a mask, one column an adversary: mean PSNR and, behind it, the worst victim's."""
    table = []
    for mask, group in grouped(lines, ("claim", "strategy", "ratio")):
        cells = {
            line["adversary"]: f"{np.mean(line['psnr']):.1f} ({max(line['psnr']):.1f})" for line in group
        }
        table.append(mask | cells)
    return table


def main() -> None:
    """Run what is not finished yet, print the tables and write the JSON."""
    chosen = chosen_options()
    torch.set_num_threads(1)
    journal = Journal(chosen.journal)
    wanted: list[Runs] = [reconstructions(chosen), memberships(chosen)]
    if chosen.finished:
        wanted = [finished(journal, runs) for runs in wanted]
    images = finish(journal, wanted[0], "reconstruction")
    members = finish(journal, wanted[1], "membership")
    show("PSNR in dB, mean (worst victim)", summary(images))
    show("Area under the ROC curve of membership", members)
    write(chosen.out, {"reconstruction": images, "membership": members})


if __name__ == "__main__":
    main()
