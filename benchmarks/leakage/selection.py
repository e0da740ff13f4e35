"""What strategies leave readable, and is it predicted: `python -m benchmarks.leakage.selection [--quick]`.

One image, fresh weights, label inferred. Strategies are calibrated on public images that are nobody's in the
experiment; those that end in `_own` on the victim's own image, as a client may. Every selection
is attacked by the network's portfolio of adversaries that leave hidden coordinates out, cheapest first, until
one of them has reached 30 dB; apart, by one that takes hidden coordinates to be zero.
Predictions are made at a public image that no strategy has seen; for `_own` at the first victim's own, as a
client may.
PSNR of reconstructions clamped to [0, 1], peak 1. Interrupt it at any time: finished runs are kept.
"""

import argparse
import math
from typing import Any

import numpy as np
import torch

from benchmarks.leakage.common import Journal, finish, finished, options, show, write
from benchmarks.leakage.selection_attacks import AWARE
from benchmarks.leakage.selection_runs import VICTIMS, planned
from benchmarks.leakage.selection_setting import FIXED, REFINED, STRATEGIES, Setting
from benchmarks.leakage.selection_summary import by_selection, correlation, frontier, protection
from gradveil.metrics import psnr

MEASURES = ("calibration", "attacks", "prediction")


def gray(setting: Setting, victim: int) -> float:
    """PSNR of a gray image, which takes no attack."""
    truth = setting.victim(victim).images.numpy()
    return float(psnr(np.full_like(truth, 0.5), truth)[0])


def chosen_options() -> argparse.Namespace:
    """What to run."""
    parser = options(__doc__, "selection")
    parser.add_argument("--victims", type=int, default=VICTIMS, help="up to this number")
    parser.add_argument("--first", type=int, default=0, help="from this number on, counted from 0")
    parser.add_argument("--network", choices=AWARE, action="append", help="default: all")
    parser.add_argument("--strategy", choices=[*STRATEGIES, *FIXED, REFINED], action="append")
    parser.add_argument("--ratio", type=float, action="append", help="default: 1 to 60 %%")
    parser.add_argument("--attack", action="append", help="instead of the network's portfolio: only these")
    parser.add_argument("--measure", choices=MEASURES, action="append", help="default: all")
    below = "run nothing more behind selections where a victim is read as well; in dB"
    parser.add_argument("--below", type=float, default=math.inf, help=below)
    parser.add_argument("--finished", action="store_true", help="run nothing; tell what the journal holds")
    return parser.parse_args()


def main() -> None:
    """Run what is not finished yet, print the tables and write the JSON."""
    chosen = chosen_options()
    torch.set_num_threads(1)
    journal = Journal(chosen.journal)
    measured: dict[str, list[dict[str, Any]]] = {}
    for name, runs in zip(MEASURES, planned(chosen, journal), strict=True):
        wanted = runs if name in (chosen.measure or MEASURES) else []
        measured[name] = finish(journal, finished(journal, wanted) if chosen.finished else wanted, name)
    calibrations, attempts, predictions = (measured[name] for name in MEASURES)
    victims = sorted({(line["network"], line["victim"]) for line in attempts})
    guessed = {(n, v): gray(Setting(n, chosen.seed), v) for n, v in victims}
    table = frontier(attempts, guessed)
    needed, agreement = protection(table), correlation(attempts, predictions)
    titles = (
        "Selections",
        "Fewest encrypted non-zero entries under 12 dB, and under gray",
        "Predicted against attained",
    )
    for title, lines in zip(titles, (table, needed, agreement), strict=True):
        if lines:
            show(title, lines)
    record = {
        "gray": [{"network": n, "victim": v, "psnr": value} for (n, v), value in guessed.items()],
        "frontier": table,
        "protection": needed,
        "spearman": agreement,
    }
    single = {
        "calibration": calibrations,
        "predictions": predictions,
        "attacks": by_selection(attempts),
    }
    write(chosen.out, record | single)


if __name__ == "__main__":
    main()
