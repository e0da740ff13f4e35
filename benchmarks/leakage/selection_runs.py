"""Calibrations, predictions and attacks of the experiment on selections, each with its key in the journal."""

import argparse
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import product
from typing import Any, TypeVar

from benchmarks.leakage.common import Journal, Key, finished
from benchmarks.leakage.selection_attacks import AWARE, NAIVE, Cell
from benchmarks.leakage.selection_setting import (
    FIXED,
    RATIOS,
    STRATEGIES,
    Setting,
    is_own,
    selection,
)
from gradveil.calibration import predict, rank

VICTIMS = 20

_PREDICTED_AT, _TOGETHER = 1, 10

Part = TypeVar("Part")
Runs = list[tuple[Key, Callable[[], dict[str, Any]]]]


def planned(chosen: argparse.Namespace, journal: Journal) -> tuple[Runs, Runs, Runs]:
    """Calibrations, attacks and predictions, each with its key."""
    networks = ["lenet"] if chosen.quick else chosen.network or list(AWARE)
    strategies = ["random", "information"] if chosen.quick else chosen.strategy or [*STRATEGIES, *FIXED]
    calibrations: Runs = []
    attempts: Runs = []
    predictions: Runs = []
    for network, strategy in product(networks, strategies):
        setting, ratios = Setting(network, chosen.seed), shares(chosen, strategy)
        about = {"network": network, "strategy": strategy, "seed": chosen.seed}
        if strategy in (*STRATEGIES, *FIXED):
            calibrations.append((about | {"measure": "calibration"}, partial(calibrated, setting, strategy)))
        keys = {ratio: about | {"measure": "prediction", "ratio": ratio} for ratio in ratios}
        predictions += together(journal, keys, partial(predicted, setting, strategy))
        for ratio in ratios:
            attempts += attacks_on(chosen, journal, setting, strategy, ratio)
    return calibrations, sorted(attempts, key=lambda run: run[0]["ratio"] or 0), predictions


def shares(chosen: argparse.Namespace, strategy: str) -> list[float | None]:
    """What shares are encrypted; None for the strategy's own."""
    if strategy in FIXED:
        return [None]
    return [0.3] if chosen.quick else chosen.ratio or list(RATIOS)


def attacks_on(
    chosen: argparse.Namespace, journal: Journal, setting: Setting, strategy: str, ratio: float | None
) -> Runs:
    """Attacks on all victims behind one selection, unless it is known well enough to leak."""
    victims, runs = range(1 if chosen.quick else chosen.victims), []
    for attacks in portfolios(chosen, setting.network):
        cell = Cell(setting, strategy, ratio, tuple(attacks))
        for at in range(0, len(victims), _TOGETHER):
            keys = {victim: cell.key(victim) for victim in victims[at : at + _TOGETHER]}
            runs += together(journal, keys, cell.attacked)
    known = Cell(setting, strategy, ratio, AWARE[setting.network])
    seen = [journal.get(known.key(victim)) for victim in range(VICTIMS)]
    leaks = any(one["psnr"] >= chosen.below for one in seen if one)
    return list(finished(journal, runs)) if leaks else runs


def together(
    journal: Journal, keys: dict[Part, Key], run: Callable[[list[Part]], dict[Part, dict[str, Any]]]
) -> Runs:
    """Runs that cost less in one go: the first that is asked for runs all that are not finished."""
    whole = cache(partial(run, [part for part, key in keys.items() if journal.get(key) is None]))
    return [(key, partial(_part, whole, part)) for part, key in keys.items()]


def _part(whole: Callable[[], dict[Part, dict[str, Any]]], part: Part) -> dict[str, Any]:
    return whole()[part]


def portfolios(chosen: argparse.Namespace, network: str) -> list[list[str]]:
    """What attacks follow one another: those asked for, or the network's, and apart the naive one."""
    if chosen.quick:
        return [["mask_aware"]]
    return [chosen.attack] if chosen.attack else [list(AWARE[network]), list(NAIVE)]


def calibrated(setting: Setting, strategy: str) -> dict[str, Any]:
    """CPU seconds that an order of all coordinates takes."""
    examples = setting.victim(0) if is_own(strategy) else setting.public()
    start = time.process_time()
    found = rank(strategy.removesuffix("_own"), examples)
    return {"source": found.source, "cpu_seconds": time.process_time() - start}


def predicted(
    setting: Setting, strategy: str, ratios: Sequence[float | None]
) -> dict[float | None, dict[str, Any]]:
    """Predictions for some selections of a strategy, of the first victim where it is the victim's own."""
    start = time.process_time()
    found = predict(
        setting.public().first(_PREDICTED_AT), [selection(setting, strategy, one, 0) for one in ratios]
    )
    seconds = (time.process_time() - start) / max(len(ratios), 1)
    return {
        ratio: {"psnr": one.psnr, "rank": one.rank, "cpu_seconds": seconds}
        for ratio, one in zip(ratios, found, strict=True)
    }
