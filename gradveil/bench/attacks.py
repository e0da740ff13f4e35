"""The benchmark of attacks: implementations take turns on the same victims."""

from functools import partial
from importlib import import_module
from types import ModuleType

import torch

from gradveil.bench.attacks_contender import Adversary, Racer, Stepper
from gradveil.bench.attacks_ours import Batched, Matching
from gradveil.bench.attacks_plain import DeepLeakage, PlainLoop
from gradveil.bench.attacks_plan import AttackMetric, AttackPlan, Setting
from gradveil.bench.attacks_results import AttackSamples, cell_of
from gradveil.bench.attacks_runs import try_once
from gradveil.bench.attacks_victim import Victim
from gradveil.bench.installed import require_peer
from gradveil.bench.measure import Progress, Step, run_steps, short_collections, undisturbed

_PEER_ATTACKS = ("deepleakage", "invertinggradients")


def run_attacks(
    plan: AttackPlan, samples: AttackSamples, progress: Progress = lambda done, total: None
) -> None:
    """Measure all of the plan into `samples`, which hold what was measured if this is interrupted.

    Args:
        plan: how much.
        samples: grows with each step.
        progress: called with steps done and all steps.

    Raises:
        MissingPeerError: the plan asks for the peer, and it is not installed.
        MeasurementError: the peer did not do what it was asked for.
    """
    if plan.peers:
        require_peer("breaching")
    for setting, reason in plan.left_out:
        samples.leave_out(setting, reason)
    with short_collections(), torch.backends.cudnn.flags(enabled=True, benchmark=True):
        run_steps([*_races(plan, samples), *_tries(plan, samples)], progress)


def _races(plan: AttackPlan, samples: AttackSamples) -> list[Step]:
    return [partial(_race, plan, setting, samples) for setting in plan.steps]


def _tries(plan: AttackPlan, samples: AttackSamples) -> list[Step]:
    return [
        partial(try_once, plan, adversary, setting, number, samples)
        for setting in plan.runs
        for number in range(plan.victims)
        for adversary in _adversaries(plan)
    ]


def _racers(plan: AttackPlan) -> list[Racer]:
    own: list[Racer] = [Batched(), PlainLoop(image_only=True), PlainLoop(image_only=False)]
    return [*own, _peer().BreachingSteps()] if plan.peers else own


def _adversaries(plan: AttackPlan) -> list[Adversary]:
    own: list[Adversary] = [Matching(), DeepLeakage()]
    return [*own, *map(_peer().Breaching, _PEER_ATTACKS)] if plan.peers else own


def _peer() -> ModuleType:
    return import_module("gradveil.bench.attacks_breaching")


def _race(plan: AttackPlan, setting: Setting, samples: AttackSamples) -> None:
    """All implementations warm up, then take turns."""
    victim = Victim.of(setting, plan.data)
    ready = [(racer, _warm(racer, victim, setting, plan, samples)) for racer in _racers(plan)]
    turns = [(racer, *warm) for racer, warm in ready if warm is not None] * plan.repetitions
    for racer, stepper, steps in turns:
        with undisturbed():
            seconds = stepper.seconds(steps)
        milliseconds = 1e3 * seconds / (steps * setting.restarts)
        samples.add(cell_of(AttackMetric.RESTART_STEP, racer, setting), milliseconds)


def _warm(
    racer: Racer, victim: Victim, setting: Setting, plan: AttackPlan, samples: AttackSamples
) -> tuple[Stepper, int] | None:
    """Ready for so many steps a repetition; None if it does not fit into the device."""
    try:
        stepper = racer.start(victim, setting.restarts)
        return stepper, _enough_steps(stepper, plan)
    except torch.OutOfMemoryError:
        samples.leave_out(setting, "it needs more device memory", racer.name)
        return None


def _enough_steps(stepper: Stepper, plan: AttackPlan) -> int:
    """A power of two, or the most that are allowed; trying grows pools of memory on the way."""
    steps = 1
    while stepper.seconds(steps) < plan.seconds and steps < plan.most_steps:
        steps = min(2 * steps, plan.most_steps)
    return steps
