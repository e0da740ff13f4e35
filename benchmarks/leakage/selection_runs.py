"""Calibrations, predictions and attacks of the experiment on selections, each with its key in the journal."""

import argparse
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, TypeVar

from benchmarks.leakage.common import Journal, Key, finished
from benchmarks.leakage.selection_attacks import AWARE, NAIVE, Cell
from benchmarks.leakage.selection_setting import (
    FIXED,
    RATIOS,
    REFINED,
    STRATEGIES,
    Setting,
    is_own,
    ranked,
    selection,
)
from gradveil.calibration import Examples, predict

VICTIMS = 20

_TOGETHER, _MASKS = 10, 24

Mask = tuple[str, float | None]
"""A strategy, and the share of all entries that it encrypts; None for its own."""

Part = TypeVar("Part")
Runs = list[tuple[Key, Callable[[], dict[str, Any]]]]


def planned(chosen: argparse.Namespace, journal: Journal) -> tuple[Runs, Runs, Runs]:
    """Calibrations, attacks and predictions, each with its key."""
    networks = ["lenet"] if chosen.quick else chosen.network or list(AWARE)
    strategies = ["random", "information"] if chosen.quick else chosen.strategy or [*STRATEGIES, *FIXED]
    calibrations: Runs = []
    attempts: Runs = []
    predictions: Runs = []
    for network in networks:
        setting = Setting(network, chosen.seed)
        masks = [(strategy, ratio) for strategy in strategies for ratio in shares(chosen, strategy)]
        for strategy in (one for one in strategies if one != REFINED):
            key = {"network": network, "strategy": strategy, "seed": chosen.seed, "measure": "calibration"}
            calibrations.append((key, partial(calibrated, setting, strategy)))
        predictions += predictions_of(journal, setting, masks)
        for strategy, ratio in masks:
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
    victims, runs = range(1) if chosen.quick else range(chosen.first, chosen.victims), []
    for attacks in portfolios(chosen, setting.network):
        cell = Cell(setting, strategy, ratio, tuple(attacks))
        for at in range(0, len(victims), _TOGETHER):
            keys = {victim: cell.key(victim) for victim in victims[at : at + _TOGETHER]}
            runs += together(journal, keys, cell.attacked)
    known = Cell(setting, strategy, ratio, AWARE[setting.network])
    seen = [journal.get(known.key(victim)) for victim in range(VICTIMS)]
    leaks = any(one["psnr"] >= chosen.below for one in seen if one)
    return list(finished(journal, runs)) if leaks else runs


def predictions_of(journal: Journal, setting: Setting, masks: Sequence[Mask]) -> Runs:
    """Predictions for selections of one network, some from each pass through its Jacobian."""
    about = {"network": setting.network, "seed": setting.seed, "measure": "prediction"}
    runs: Runs = []
    for own in (False, True):
        at_one = [(strategy, ratio) for strategy, ratio in masks if is_own(strategy) == own]
        at = setting.victim(0) if own else setting.unseen()
        for number in range(0, len(at_one), _MASKS):
            keys = {
                mask: about | {"strategy": mask[0], "ratio": mask[1], "at": at.source}
                for mask in at_one[number : number + _MASKS]
            }
            runs += together(journal, keys, partial(predicted, setting, at))
    return runs


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
    start = time.process_time()
    found = ranked(setting, strategy, 0)
    return {"source": found.source, "cpu_seconds": time.process_time() - start}


def predicted(setting: Setting, at: Examples, masks: Sequence[Mask]) -> dict[Mask, dict[str, Any]]:
    """Predictions for some selections, of the first victim where it is the victim's own."""
    start = time.process_time()
    found = predict(at, [selection(setting, strategy, ratio, 0) for strategy, ratio in masks])
    seconds = (time.process_time() - start) / max(len(masks), 1)
    return {
        mask: {"psnr": one.psnr, "rank": one.rank, "cpu_seconds": seconds}
        for mask, one in zip(masks, found, strict=True)
    }
