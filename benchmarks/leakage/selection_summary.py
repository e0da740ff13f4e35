"""What the experiment on selections shows: the frontier, what protection takes, and if it is predicted."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from benchmarks.leakage.common import Line, grouped
from benchmarks.leakage.selection_attacks import NAIVE

PROTECTED_DB = 12.0


def frontier(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """The strongest aware attack on each victim, over victims, for each selection; the naive one apart."""
    table = []
    for about, group in grouped(lines, ("network", "strategy", "ratio")):
        aware = [line for line in group if tuple(line["attacks"]) != NAIVE]
        naive = [value for line in group if line not in aware for value in line["psnr"]]
        best: dict[int, float] = {}
        for line in aware:
            best |= {v: max(p, best.get(v, 0.0)) for v, p in zip(line["victims"], line["psnr"], strict=True)}
        if best:
            table.append(
                about
                | {
                    "victims": len(best),
                    "ratio_nonzero": float(np.mean([one for line in aware for one in line["ratio_nonzero"]])),
                    "encrypted_nonzero": float(
                        np.mean([one for line in aware for one in line["encrypted_nonzero"]])
                    ),
                    "mean_psnr": float(np.mean(list(best.values()))),
                    "worst_psnr": max(best.values()),
                    "naive_psnr": float(np.mean(naive)) if naive else None,
                }
            )
    return table


def protection(table: Sequence[Line]) -> list[dict[str, Any]]:
    """Fewest encrypted non-zero entries with which each strategy, and with larger ratios, is under 12 dB."""
    found = []
    for about, group in grouped(table, ("network", "strategy")):
        ordered = sorted(group, key=lambda line: -line["ratio"])
        least = None
        for line in ordered:
            if line["worst_psnr"] >= PROTECTED_DB:
                break
            least = line
        entries = least["encrypted_nonzero"] if least else None
        found.append(about | {"ratio": least["ratio"] if least else None, "encrypted_nonzero": entries})
    return found


def correlation(table: Sequence[Line], predictions: Sequence[Line]) -> list[dict[str, Any]]:
    """Spearman's rank correlation of predicted and attained PSNR over the selections."""
    known = {
        (line["network"], line["strategy"], ratio): value
        for line in predictions
        for ratio, value in zip(line["ratios"], line["psnr"], strict=True)
    }
    found = []
    for about, group in grouped(table, ("network",)):
        keys = [(line["network"], line["strategy"], line["ratio"]) for line in group]
        both = [
            (known[key], line["mean_psnr"]) for key, line in zip(keys, group, strict=True) if key in known
        ]
        rho = float(spearmanr(*zip(*both, strict=True)).statistic) if len(both) > 2 else None
        found.append(about | {"selections": len(both), "spearman": rho})
    return found
