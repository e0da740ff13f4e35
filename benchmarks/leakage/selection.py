"""What strategies leave readable, and is it predicted: `python -m benchmarks.leakage.selection [--quick]`.

One image, fresh weights, label inferred. Strategies are calibrated on public images that are nobody's in the
experiment; those that end in `_own` on the victim's own image, as a client may. Every selection
is attacked by the network's portfolio of adversaries that leave hidden coordinates out, cheapest first, until
one of them has reached 30 dB; apart, by one that takes hidden coordinates to be zero.
Predictions are made at a public image, which is no victim's.
PSNR of reconstructions clamped to [0, 1], peak 1. Interrupt it at any time: finished runs are kept.
"""

import argparse
import time
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import torch

from benchmarks.leakage.common import Journal, finish, finished, options, show, write
from benchmarks.leakage.selection_attacks import AWARE, NAIVE, attacked
from benchmarks.leakage.selection_setting import RATIOS, STRATEGIES, Setting, is_own, selection
from benchmarks.leakage.selection_summary import correlation, frontier, protection
from gradveil.calibration import predict, rank
from gradveil.metrics import psnr

_PREDICTED_AT, _TOGETHER = 1, 10

MEASURES = ("calibration", "attacks", "prediction")

Key = dict[str, Any]
Runs = list[tuple[Key, Any]]


def gray(setting: Setting, victim: int) -> float:
    """PSNR of a gray image, which takes no attack."""
    truth = setting.victim(victim).images.numpy()
    return float(psnr(np.full_like(truth, 0.5), truth)[0])


def calibrated(setting: Setting, strategy: str) -> dict[str, Any]:
    """CPU seconds that an order of all coordinates takes."""
    examples = setting.victim(0) if is_own(strategy) else setting.public()
    start = time.process_time()
    found = rank(strategy.removesuffix("_own"), examples)
    return {"source": found.source, "cpu_seconds": time.process_time() - start}


def predicted(setting: Setting, strategy: str, ratios: tuple[float, ...]) -> dict[str, Any]:
    """Predictions for all selections of one strategy, of the first victim where it is the victim's own."""
    start = time.process_time()
    chosen = [selection(setting, strategy, ratio, 0) for ratio in ratios]
    found = predict(setting.public().first(_PREDICTED_AT), chosen)
    seconds = time.process_time() - start
    return {"psnr": [p.psnr for p in found], "rank": [p.rank for p in found], "cpu_seconds": seconds}


def chosen_options() -> argparse.Namespace:
    """What to run."""
    parser = options(__doc__, "selection")
    parser.add_argument("--victims", type=int, default=20)
    parser.add_argument("--network", choices=AWARE, action="append", help="default: all")
    parser.add_argument("--strategy", choices=STRATEGIES, action="append", help="default: all")
    parser.add_argument("--ratio", type=float, action="append", help="default: 1 to 60 %%")
    parser.add_argument("--attack", action="append", help="instead of the network's portfolio: only these")
    parser.add_argument("--measure", choices=MEASURES, action="append", help="default: all")
    parser.add_argument("--finished", action="store_true", help="run nothing; tell what the journal holds")
    return parser.parse_args()


def planned(chosen: argparse.Namespace) -> tuple[Runs, Runs, Runs]:
    """Calibrations, attacks and predictions, each with its key."""
    networks = ["lenet"] if chosen.quick else chosen.network or list(AWARE)
    strategies = ["random", "information"] if chosen.quick else chosen.strategy or list(STRATEGIES)
    ratios = [0.3] if chosen.quick else chosen.ratio or list(RATIOS)
    calibrations: Runs = []
    predictions: Runs = []
    attempts: Runs = []
    for network, strategy in product(networks, strategies):
        setting = Setting(network, chosen.seed)
        about = {"network": network, "strategy": strategy, "seed": chosen.seed}
        calibrations.append((about | {"measure": "calibration"}, partial(calibrated, setting, strategy)))
        key = about | {"measure": "prediction", "ratios": ratios}
        predictions.append((key, partial(predicted, setting, strategy, tuple(ratios))))
    victims = 1 if chosen.quick else chosen.victims
    together = [list(range(at, min(at + _TOGETHER, victims))) for at in range(0, victims, _TOGETHER)]
    for number, network, ratio, strategy in product(together, networks, ratios, strategies):
        setting = Setting(network, chosen.seed)
        key = {"network": network, "strategy": strategy, "seed": chosen.seed, "ratio": ratio}
        for attacks in portfolios(chosen, network):
            run = partial(attacked, setting, strategy, ratio, number, attacks)
            attempts.append((key | {"victims": number, "attacks": attacks}, run))
    return calibrations, attempts, predictions


def portfolios(chosen: argparse.Namespace, network: str) -> list[list[str]]:
    """What attacks follow one another: those asked for, or the network's, and apart the naive one."""
    if chosen.quick:
        return [["mask_aware"]]
    return [chosen.attack] if chosen.attack else [list(AWARE[network]), list(NAIVE)]


def main() -> None:
    """Run what is not finished yet, print the tables and write the JSON."""
    chosen = chosen_options()
    torch.set_num_threads(1)
    journal = Journal(chosen.journal)
    measured: dict[str, list[dict[str, Any]]] = {}
    for name, runs in zip(MEASURES, planned(chosen), strict=True):
        wanted = runs if name in (chosen.measure or MEASURES) else []
        measured[name] = finish(journal, finished(journal, wanted) if chosen.finished else wanted, name)
    calibrations, attempts, predictions = (measured[name] for name in MEASURES)
    table = frontier(attempts)
    needed, agreement = protection(table), correlation(table, predictions)
    titles = ("Selections", "Fewest encrypted non-zero entries under 12 dB", "Predicted against attained")
    for title, lines in zip(titles, (table, needed, agreement), strict=True):
        if lines:
            show(title, lines)
    victims = {(line["network"], line["seed"], victim) for line in attempts for victim in line["victims"]}
    guessed = [{"network": n, "victim": v, "psnr": gray(Setting(n, s), v)} for n, s, v in sorted(victims)]
    record = {"gray": guessed, "frontier": table, "protection": needed, "spearman": agreement}
    single = {"calibration": calibrations, "predictions": predictions, "attacks": attempts}
    write(chosen.out, record | single)


if __name__ == "__main__":
    main()
