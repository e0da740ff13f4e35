"""What the experiment on selections shows: the frontier, what protection takes, and if it is predicted."""

from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from benchmarks.leakage.common import Line, grouped
from benchmarks.leakage.selection_attacks import NAIVE, OPEN_DB

PROTECTED_DB = 12.0


Gray = Mapping[tuple[str, int], float]
"""PSNR of a gray image by network and victim."""

_SELECTION = ("network", "strategy", "ratio")


def by_selection(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """One line a selection and portfolio, with all victims."""
    return [
        about | {name: [line[name] for line in group] for name in ("victim", "psnr", "encrypted_nonzero")}
        for about, group in grouped(
            [{**line, "attacks": tuple(line["attacks"])} for line in lines], (*_SELECTION, "attacks")
        )
    ]


def frontier(lines: Sequence[Line], gray: Gray) -> list[dict[str, Any]]:
    """The strongest aware attack on each victim, over victims, for each selection; the naive one apart."""
    found = []
    for about, group in grouped(lines, _SELECTION):
        naive = [line for line in group if tuple(line["attacks"]) == NAIVE]
        aware = [line for line in group if line not in naive]
        if aware:
            found.append(
                about | _attained(aware, gray) | {"naive_psnr": _mean(naive, "psnr") if naive else None}
            )
    return found


def _attained(lines: Sequence[Line], gray: Gray) -> dict[str, Any]:
    """What is encrypted, the best of several attacks on each victim, and by what it beats a gray image."""
    best, network = _best(lines), lines[0]["network"]
    encrypted = {name: _mean(lines, name) for name in ("ratio_nonzero", "encrypted_nonzero")}
    return {
        "victims": len(best),
        **encrypted,
        "mean_psnr": float(np.mean(list(best.values()))),
        "worst_psnr": max(best.values()),
        "over_gray": max(value - gray[network, victim] for victim, value in best.items()),
    }


def _mean(lines: Sequence[Line], name: str) -> float:
    return float(np.mean([line[name] for line in lines]))


def protection(table: Sequence[Line]) -> list[dict[str, Any]]:
    """Fewest encrypted non-zero entries with which each strategy, and with larger ratios, is under 12 dB.

    The same for no victim read better than a gray image, which takes no attack.
    """
    return [
        about
        | _fewest(group, "under_12_db", lambda line: line["worst_psnr"] < PROTECTED_DB)
        | _fewest(group, "under_gray", lambda line: line["over_gray"] <= 0)
        for about, group in grouped(table, ("network", "strategy"))
    ]


def _fewest(group: Sequence[Line], name: str, protects: Callable[[Line], bool]) -> dict[str, Any]:
    ordered = sorted(group, key=lambda line: -line["encrypted_nonzero"])
    safe = list(takewhile(protects, ordered))
    least = safe[-1] if safe else {"ratio": None, "encrypted_nonzero": None}
    return {f"{name}_ratio": least["ratio"], name: least["encrypted_nonzero"]}


def correlation(lines: Sequence[Line], predictions: Sequence[Line]) -> list[dict[str, Any]]:
    """Spearman's rank correlation of predicted and attained PSNR, over each network's selections and all.

    Attained is the mean over those victims that all selections of a network were attacked with. Once as it
    is; once with both counted up to where a portfolio stops, as which attack has stopped it says nothing of
    the mask, so that all masks which are predicted to leak, and all which do, are ties.
    """
    known = {_selection(line): line["psnr"] for line in predictions}
    aware = [line for line in lines if tuple(line["attacks"]) != NAIVE and _selection(line) in known]
    pairs = {about["network"]: _pairs(group, known) for about, group in grouped(aware, ("network",))}
    everything = [pair for of_one in pairs.values() for pair in of_one]
    return [
        {
            "network": network,
            "selections": len(found),
            "spearman": _rho(found),
            "spearman_to_stop": _rho(
                [(min(psnr, OPEN_DB), min(attained, OPEN_DB)) for psnr, attained in found]
            ),
        }
        for network, found in [*pairs.items(), ("all", everything)]
    ]


def _pairs(lines: Sequence[Line], known: Mapping[tuple[Any, ...], float]) -> list[tuple[float, float]]:
    """Predicted and attained PSNR of one network's selections."""
    groups = [group for _, group in grouped(lines, _SELECTION)]
    shared = set.intersection(*({line["victim"] for line in group} for group in groups))
    return [
        (known[_selection(group[0])], float(np.mean([best[victim] for victim in shared])))
        for group in groups
        for best in [_best(group)]
        if shared
    ]


def _best(lines: Sequence[Line]) -> dict[int, float]:
    """The strongest attack on each victim behind one selection."""
    return {
        about["victim"]: max(line["psnr"] for line in of_one) for about, of_one in grouped(lines, ("victim",))
    }


def _rho(pairs: Sequence[tuple[float, float]]) -> float | None:
    return float(spearmanr(*zip(*pairs, strict=True)).statistic) if len(pairs) > 2 else None


def _selection(line: Line) -> tuple[Any, ...]:
    return tuple(line[key] for key in _SELECTION)
