"""Whole attacks: longer and longer runs on one victim, scored against the truth."""

from collections.abc import Iterator
from functools import partial
from math import inf

import numpy as np

from attacks import AttackError
from gradveil.bench.attacks_contender import Adversary, Images, timed
from gradveil.bench.attacks_plan import TARGET_DB, AttackMetric, AttackPlan, Setting
from gradveil.bench.attacks_results import AttackSamples, cell_of
from gradveil.bench.attacks_victim import Victim
from gradveil.bench.measure import undisturbed
from gradveil.metrics import psnr

_MOST_ITERATIONS = 1 << 20
"""More are pointless for a search that stops by itself."""


def try_once(
    plan: AttackPlan, adversary: Adversary, setting: Setting, number: int, samples: AttackSamples
) -> None:
    """One victim: longer and longer runs, each from the start."""
    victim = Victim.of(setting, plan.data, number)
    runs = list(_runs(adversary, victim, setting.restarts, plan.budget))
    reached = next((seconds for seconds, decibels in runs if decibels >= TARGET_DB), inf)
    samples.add(cell_of(AttackMetric.SECONDS_TO_30DB, adversary, setting), reached)
    samples.add(cell_of(AttackMetric.PSNR_AT_BUDGET, adversary, setting), runs[-1][1])


def _runs(
    adversary: Adversary, victim: Victim, restarts: int, budget: float
) -> Iterator[tuple[float, float]]:
    """Seconds and decibels of runs of 1, 2, 4, ... iterations, and of the one that fills the budget."""
    iterations, seconds, spent = 1, 0.0, 0.0
    while 2 * seconds <= budget and spent <= budget and iterations < _MOST_ITERATIONS:
        iterations *= 2 if seconds else 1
        seconds, decibels = _run(adversary, victim, restarts, iterations)
        spent += seconds
        yield seconds, decibels
    longest = min(_MOST_ITERATIONS, int(iterations * budget / seconds))
    if longest > iterations:
        yield _run(adversary, victim, restarts, longest)


def _run(adversary: Adversary, victim: Victim, restarts: int, iterations: int) -> tuple[float, float]:
    work = partial(_found, adversary, victim, restarts, iterations)
    with undisturbed():
        seconds, found = timed(work, victim.image.device)
    return seconds, float(psnr(found, victim.image.cpu().numpy())[0])


def _found(adversary: Adversary, victim: Victim, restarts: int, iterations: int) -> Images:
    """A picture; mid-gray, the guess, if the search diverged."""
    try:
        found = adversary.reconstruct(victim, restarts, iterations)
    except AttackError:
        found = np.full(victim.image.shape, np.nan, dtype=np.float32)
    return np.nan_to_num(found, nan=0.5)
