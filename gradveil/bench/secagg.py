"""The benchmark of secure aggregation: implementations take turns on the same vectors."""

from functools import lru_cache, partial
from importlib import import_module
from time import perf_counter

import numpy as np
from rich.table import Table

from gradveil.bench.installed import require_peer
from gradveil.bench.measure import Inputs, Progress, Step, run_steps, short_collections, undisturbed
from gradveil.bench.memory import MeasurementError, peak_of
from gradveil.bench.plan import Size
from gradveil.bench.results import OURS, Samples
from gradveil.bench.secagg_contender import Contender, Notes, Vectors
from gradveil.bench.secagg_limit import NAME, PACKAGE, measure_limit
from gradveil.bench.secagg_ours import Ours
from gradveil.bench.secagg_plan import SECAGG_UNITS, Cohort, SecAggMetric, SecAggPlan
from gradveil.bench.secagg_scale import measure_scale
from gradveil.bench.tables import tables

_TOLERANCE = 1e-4
"""Of a mean: the peer's step is 4e-6, and it rounds at random."""

_MASKING = 3
"""Clients that mask where nothing else is measured."""

_WARM_UP = Cohort(1000, 4, dropout=0.25)


def run_secagg(plan: SecAggPlan, samples: Samples, progress: Progress = lambda done, total: None) -> None:
    """Measure all rounds of the plan into `samples`, which hold what was measured if this is interrupted.

    Args:
        plan: how much.
        samples: grows with each step.
        progress: called with steps done and all steps.

    Raises:
        MissingPeerError: the plan asks for the peer, and it is not installed.
        MeasurementError: a round failed, or its result is wrong.
    """
    if plan.peers:
        require_peer("flwr")
    steps = [*_warm_ups(plan), *_single(plan, samples), *_rounds(plan, samples)]
    with short_collections():
        run_steps(steps, progress)


def secagg_tables(samples: Samples) -> list[Table]:
    """The results for a terminal."""
    return tables(samples, list(SECAGG_UNITS.items()), "Medians of clients and rounds; seconds, and bytes")


def _warm_ups(plan: SecAggPlan) -> list[Step]:
    contenders = [Ours(), *([_flower(1)] if plan.peers else [])]
    return [partial(_repeat, contender, _WARM_UP, Samples()) for contender in contenders]


def _rounds(plan: SecAggPlan, samples: Samples) -> list[Step]:
    """Those of the most clients come last, as the peer needs minutes for them."""
    steps: list[Step] = []
    for cohort in sorted(plan.cohorts, key=lambda each: (each.clients, -each.values)):
        times = plan.repetitions_of_peer(cohort)
        for turn in range(plan.repetitions):
            steps += [partial(_limit, cohort, samples), partial(_repeat, Ours(), cohort, samples)]
            if turn < times:
                steps.append(partial(_repeat, _flower(times), cohort, samples))
    return steps


def _single(plan: SecAggPlan, samples: Samples) -> list[Step]:
    """What is measured but once."""
    steps: list[Step] = [partial(_mask, cohort, samples) for cohort in plan.masking]
    steps += [partial(_scale, cohort, samples) for cohort in plan.scale]
    steps.append(partial(_weigh, plan.memory, samples))
    return [*steps, partial(_weigh_peer, plan.memory, samples)] if plan.peers else steps


def _flower(repetitions: int) -> Contender:
    flower: Contender = import_module("gradveil.bench.secagg_flower").Flower(repetitions)
    return flower


def _repeat(contender: Contender, cohort: Cohort, samples: Samples) -> None:
    """A whole round, checked."""
    vectors, notes = _vectors(cohort.values, cohort.clients), _notes(contender, cohort, samples)
    with undisturbed():
        start = perf_counter()
        mean = contender.run(vectors, cohort.dropped, notes)
        notes.note(SecAggMetric.ROUND, perf_counter() - start)
    error = np.abs(mean - vectors[cohort.dropped :].mean(axis=0, dtype=np.float64)).max()
    if error > _TOLERANCE:
        raise MeasurementError(f"{contender.name} the mean is off by {error:.2g}; do not use these numbers")


def _limit(cohort: Cohort, samples: Samples) -> None:
    measure_limit(cohort, Notes(samples, NAME, PACKAGE, cohort))


def _mask(cohort: Cohort, samples: Samples) -> None:
    """A few vectors: those of all clients would take gigabytes."""
    _limit(cohort, samples)
    vectors = Inputs.drawn(cohort.values, _MASKING).values.astype(np.float32)
    with undisturbed():
        Ours().mask(vectors, cohort.clients, _notes(Ours(), cohort, samples))


def _scale(cohort: Cohort, samples: Samples) -> None:
    """CPU seconds, and all bytes that a client sends."""
    figures = measure_scale(cohort.clients, cohort.values, cohort.dropout)
    notes = Notes(samples, "secagg, sparse graph, CPU seconds:", OURS, cohort)
    for metric in SecAggMetric:
        if metric in figures:
            notes.note(metric, figures[metric])


def _weigh(cohort: Cohort, samples: Samples) -> None:
    figures = measure_scale(cohort.clients, cohort.values, cohort.dropout)
    _notes(Ours(), cohort, samples).note(SecAggMetric.SERVER_PEAK, figures[SecAggMetric.SERVER_PEAK])


def _weigh_peer(cohort: Cohort, samples: Samples) -> None:
    peer, save = _flower(1), import_module("gradveil.bench.secagg_flower_memory").save_round
    peak, _ = peak_of("flwr", peer.name, save, Size(cohort.values, cohort.clients))
    _notes(peer, cohort, samples).note(SecAggMetric.SERVER_PEAK, peak)


def _notes(contender: Contender, cohort: Cohort, samples: Samples) -> Notes:
    return Notes(samples, contender.name, contender.package, cohort)


@lru_cache(maxsize=1)
def _vectors(values: int, clients: int) -> Vectors:
    """One size at a time."""
    return Inputs.drawn(values, clients).values.astype(np.float32)
