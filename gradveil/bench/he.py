"""The benchmark of homomorphic encryption: packages take turns on the same input."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import lru_cache, partial

from gradveil.bench import ours, peers
from gradveil.bench.measure import (
    Inputs,
    Meter,
    Progress,
    Step,
    repetition,
    run_steps,
    short_collections,
    warm_up,
)
from gradveil.bench.memory import server_peak
from gradveil.bench.package import Package
from gradveil.bench.plan import Plan, Size
from gradveil.bench.results import VECTORS, Metric, Place, Samples

_PROCESSES = 2
_MEMORY_OURS = ("packed", "ckks")
_MEMORY_PEER = "NVFlare"


def run_he(plan: Plan, samples: Samples, progress: Progress = lambda done, total: None) -> None:
    """Measure all set-ups of the plan into `samples`, which hold what was measured if this is interrupted.

    Args:
        plan: how much.
        samples: grows with each step.
        progress: called with steps done and all steps.

    Raises:
        ParametersError: a set-up does not carry so many clients.
        MeasurementError: the process that measures a server's memory failed.
    """
    with ExitStack() as stack:
        stack.enter_context(short_collections())
        packages = [stack.enter_context(package) for package in _packages(plan)]
        steps = [*_timings(plan, packages, samples), *_memories(plan, samples)]
        run_steps(steps, progress)


def _packages(plan: Plan) -> list[Package]:
    clients = plan.most_clients
    single = [ours.He(name, clients) for name in ours.SETUPS]
    parallel = [ours.He(name, clients, _PROCESSES) for name in plan.parallel]
    others = [peers.TensealVector(name) for name in peers.SETUPS] if plan.peers else []
    return [*single, *others, *parallel]


def _timings(plan: Plan, packages: list[Package], samples: Samples) -> list[Step]:
    steps: list[Step] = []
    for size in plan.sizes:
        steps += [partial(_warm_up, package, size) for package in packages]
        for share in plan.shares:
            taking_part = [package for package in packages if share == 1 or package.processes == 1]
            turns = taking_part * plan.repetitions
            steps += [partial(_repeat, package, size, share, samples) for package in turns]
    return steps


def _memories(plan: Plan, samples: Samples) -> list[Step]:
    clients = plan.memory.clients
    builders: list[Callable[[], Package]] = [partial(ours.He, name, clients) for name in _MEMORY_OURS]
    if plan.peers:
        builders.append(partial(peers.TensealVector, _MEMORY_PEER))
    return [partial(_weigh, build, plan.memory, samples) for build in builders]


def _warm_up(package: Package, size: Size) -> None:
    warm_up(package, _inputs(size))


def _repeat(package: Package, size: Size, share: float, samples: Samples) -> None:
    place = Place(size.values, size.clients, share, package.processes)
    repetition(package, _inputs(size).share(share), Meter(samples, package, place))


def _weigh(build: Callable[[], Package], size: Size, samples: Samples) -> None:
    package = build()
    peak, vector = server_peak(package, size)
    meter = Meter(samples, package, Place(size.values, size.clients))
    meter.note(Metric.SERVER_PEAK, peak)
    meter.note(Metric.SERVER_PEAK, peak / vector, VECTORS)


@lru_cache(maxsize=1)
def _inputs(size: Size) -> Inputs:
    """One size at a time: the largest takes gigabytes."""
    return Inputs.drawn(size.values, size.clients)
