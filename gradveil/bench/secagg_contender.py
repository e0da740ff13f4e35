"""What the benchmark needs of an implementation of secure aggregation: whole rounds in one process."""

from collections.abc import Callable
from time import perf_counter
from typing import Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from gradveil.bench.results import Cell, Samples
from gradveil.bench.secagg_plan import SECAGG_UNITS, Cohort, SecAggMetric

T = TypeVar("T")

Vectors = NDArray[np.float32]

CLIP = 8.0
"""Flower's default."""


class Notes:
    """Notes what an implementation costs in a round of one cohort."""

    def __init__(self, samples: Samples, name: str, package: str, cohort: Cohort) -> None:
        self._samples, self._name, self._package, self._cohort = samples, name, package, cohort

    @classmethod
    def unread(cls) -> Self:
        """Nobody asks for these."""
        return cls(Samples(), "", "", Cohort(0, 0))

    def note(self, metric: SecAggMetric, value: float) -> None:
        """Keep a sample."""
        cell = Cell(metric, SECAGG_UNITS[metric], self._name, self._package, self._cohort)
        self._samples.add(cell, value)

    def timed(self, metric: SecAggMetric, work: Callable[[], T]) -> T:
        """Do the work and keep its seconds."""
        start = perf_counter()
        result = work()
        self.note(metric, perf_counter() - start)
        return result


class Contender(Protocol):
    """An implementation.

    Attributes:
        name: of the set-up, for the results.
        package: for the results.
    """

    name: str
    package: str

    def run(self, vectors: Vectors, dropped: int, notes: Notes) -> NDArray[np.floating]:
        """The mean (d,) over all clients' vectors (n, d) but the first `dropped`; notes each step."""
