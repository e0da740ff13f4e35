"""One repetition: a round of one package, each step timed on its own."""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import TypeVar

import numpy as np

from gradveil.bench.package import Package, Values
from gradveil.bench.results import UNITS, Cell, Metric, Place, Samples

T = TypeVar("T")

Step = Callable[[], None]
Progress = Callable[[int, int], None]

_OF_A_SHARE = frozenset((Metric.UPLINK, Metric.DOWNLINK, Metric.ROUND))
"""What is reported where only some values are encrypted; the rest follows from the whole vector."""

_DEVIATION = 0.05
"""Of the values: of the order of a weight, and twenty deviations below the range of our set-ups."""


@dataclass(frozen=True, eq=False)
class Inputs:
    """Values of all clients (K, n) and their float64 sum (n,)."""

    values: Values
    total: Values

    @classmethod
    def drawn(cls, count: int, clients: int) -> "Inputs":
        """The same at each call: normal values within our set-ups' range."""
        drawn = np.random.default_rng(0).normal(0, _DEVIATION, (clients, count))
        return cls(drawn, drawn.sum(axis=0))

    def share(self, share: float) -> "Inputs":
        """The first values of each client."""
        count = max(1, round(share * self.total.size))
        return Inputs(self.values[:, :count], self.total[:count])


class Meter:
    """Notes what a package costs at a place."""

    def __init__(self, samples: Samples, package: Package, place: Place) -> None:
        self._samples, self._package, self._place = samples, package, place

    def note(self, metric: Metric, value: float, unit: str | None = None) -> None:
        """Keep a sample, unless the place has no use for the metric."""
        if self._place.share == 1 or metric in _OF_A_SHARE:
            name, package = self._package.name, self._package.package
            self._samples.add(Cell(metric, unit or UNITS[metric], name, package, self._place), value)

    def per_param(self, metric: Metric, amount: float) -> None:
        """Keep a sample divided by the parameters of the whole model."""
        self.note(metric, amount / self._place.values)

    def timed(self, metric: Metric, work: Callable[[], T]) -> T:
        """Do the work and keep its microseconds a parameter."""
        start = perf_counter()
        result = work()
        self.per_param(metric, 1e6 * (perf_counter() - start))
        return result


def repetition(package: Package, inputs: Inputs, meter: Meter) -> None:
    """One round, then loading and adding apart; just one encryption where that has several processes."""
    with package.quiet(), undisturbed():
        if package.processes > 1:
            meter.timed(Metric.ENCRYPT, partial(package.encrypt, 0, inputs.values[0]))
            return
        upload = _round(package, inputs, meter)
        _load_and_add(package, upload, inputs.total.size, meter)


def warm_up(package: Package, inputs: Inputs) -> None:
    """Grow pools of memory, start processes: a small round of full-size vectors, not measured."""
    few = Inputs(inputs.values[:2], inputs.total)
    repetition(package, few, Meter(Samples(), package, Place(inputs.total.size, 2)))


def run_steps(steps: Sequence[Step], progress: Progress) -> None:
    """Take all steps in order; `progress` hears of steps done and all steps."""
    for done, step in enumerate(steps):
        progress(done, len(steps))
        step()
    progress(len(steps), len(steps))


@contextmanager
def short_collections() -> Iterator[None]:
    """The collector leaves alone what exists by now: with torch imported it would take 0.1 s each time."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def undisturbed() -> Iterator[None]:
    """No garbage collection in here, and no garbage to begin with."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _round(package: Package, inputs: Inputs, meter: Meter) -> bytes:
    """The last client's upload; the server holds one upload at a time."""
    count, upload = inputs.total.size, b""
    start = perf_counter()
    server = package.server(count)
    for client, values in enumerate(inputs.values):
        upload = meter.timed(Metric.ENCRYPT, partial(package.encrypt, client, values))
        server.add(upload)
    aggregate = server.close()
    total = meter.timed(Metric.DECRYPT, partial(package.decrypt, aggregate, count))
    _ = total / len(inputs.values)
    meter.note(Metric.ROUND, perf_counter() - start)
    meter.per_param(Metric.UPLINK, len(upload))
    meter.per_param(Metric.DOWNLINK, len(aggregate))
    meter.note(Metric.ERROR, float(np.abs(total - inputs.total).max()))
    return upload


def _load_and_add(package: Package, upload: bytes, count: int, meter: Meter) -> None:
    load = partial(package.load, upload, count)
    total, term = (meter.timed(Metric.LOAD, load) for _ in range(2))
    meter.timed(Metric.ADD, partial(package.add, total, term))
