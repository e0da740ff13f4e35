"""Samples by what was measured, their medians, and the ratios of the peers' medians to ours."""

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from statistics import median

from gradveil.doctor import machine, versions

OURS = "gradveil"
"""The package whose set-ups are compared with all others."""


class Metric(StrEnum):
    """What is measured; all are costs, less is better."""

    UPLINK = "uplink_bytes_per_param"
    DOWNLINK = "downlink_bytes_per_param"
    ENCRYPT = "encrypt_serialise_us_per_param"
    LOAD = "load_us_per_param"
    ADD = "add_us_per_param"
    DECRYPT = "decrypt_us_per_param"
    ROUND = "round_seconds"
    ERROR = "max_error"
    SERVER_PEAK = "server_peak_bytes"


VECTORS = "ciphertext vectors"
"""A second unit of SERVER_PEAK: multiples of one aggregate as it is sent."""

UNITS = {
    Metric.UPLINK: "B",
    Metric.DOWNLINK: "B",
    Metric.ENCRYPT: "us",
    Metric.LOAD: "us",
    Metric.ADD: "us",
    Metric.DECRYPT: "us",
    Metric.ROUND: "s",
    Metric.ERROR: "1",
    Metric.SERVER_PEAK: "B",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was measured: a round of `clients` over `share` of a model of `values` parameters."""

    values: int
    clients: int
    share: float = 1.0
    processes: int = 1

    def __str__(self) -> str:
        part = "" if self.share == 1 else f"{100 * self.share:g} % of "
        processes = "process" if self.processes == 1 else "processes"
        return f"{part}{power(self.values)} values, {self.clients} clients, {self.processes} {processes}"


@dataclass(frozen=True, slots=True)
class Cell:
    """One number of the benchmark: a metric of a package's set-up at a place."""

    metric: StrEnum
    unit: str
    name: str
    package: str
    place: Place

    @property
    def setup(self) -> str:
        """For people: "packed 10^6 values, 10 clients, 1 process"."""
        return f"{self.name} {self.place}"


@dataclass(frozen=True, slots=True)
class Ratio:
    """A peer's cost over ours, the same metric at the same place: more than 1 means that ours is cheaper."""

    cell: Cell
    ours: float
    peer: float
    peer_package: str

    @property
    def ratio(self) -> float:
        """Of the peer's cost to ours."""
        return self.peer / self.ours


class Samples:
    """All measurements so far; readable at any time."""

    def __init__(self) -> None:
        self._samples: defaultdict[Cell, list[float]] = defaultdict(list)

    def add(self, cell: Cell, value: float) -> None:
        """Keep one more sample."""
        self._samples[cell].append(value)

    def medians(self) -> dict[Cell, float]:
        """One number a cell, in the order of measurement."""
        return {cell: median(values) for cell, values in self._samples.items()}

    def ratios(self) -> list[Ratio]:
        """Each of our cells over each peer's at the same place; none where ours is zero."""
        found = self.medians()
        peers = [(cell, value) for cell, value in found.items() if cell.package != OURS]
        return [
            Ratio(cell, ours, theirs, peer.package)
            for cell, ours in found.items()
            for peer, theirs in peers
            if cell.package == OURS and ours and _comparable(cell, peer)
        ]

    def json_lines(self) -> Iterator[str]:
        """One object a line: all medians, then all ratios."""
        for cell, value in self.medians().items():
            what = {"metric": cell.metric, "setup": cell.setup, "package": cell.package}
            yield json.dumps({**what, "value": value, "unit": cell.unit}, allow_nan=False)
        for each in self.ratios():
            what = {"metric": each.cell.metric, "setup": each.cell.setup}
            costs = {"ours": each.ours, "peer": each.peer}
            peer = {"peer_package": each.peer_package, "ratio": each.ratio}
            yield json.dumps({**what, **costs, **peer}, allow_nan=False)


def header_line(plan: object) -> str:
    """Where, when and with what the numbers came about; `plan` is a dataclass."""
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    facts = {"machine": machine(), "versions": versions(), "date": when}
    return json.dumps({**facts, "plan": asdict(plan)})  # type: ignore[call-overload]


def _comparable(ours: Cell, peer: Cell) -> bool:
    # Multiples of one's own vector say how well a server behaves, not what it costs.
    return ours.unit != VECTORS and replace(peer, name=ours.name, package=ours.package) == ours


def power(number: int) -> str:
    """10^n in short; other numbers with commas."""
    exponent = len(str(number)) - 1
    return f"10^{exponent}" if number == 10**exponent else f"{number:,}"
