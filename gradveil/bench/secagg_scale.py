"""A large secure-aggregation round: seconds of all parties, and the memory of a server on its own.

`python -m gradveil.bench.secagg_scale 1000 100000 0.05` prints one JSON object.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from time import process_time
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from gradveil.bench import secagg_replay
from gradveil.bench.memory import MeasurementError
from secagg import SERVER, Event, RoundConfig
from secagg.phases import Phase
from secagg.simulation import Faults, Report, simulate

_SPREAD = 0.3
"""Standard deviation of the values, of a clip of 1."""

_SHARING = ("directory", "routed")
"""Events at which a client makes and seals its shares, and opens those of others."""


def measure_scale(clients: int, length: int, dropout: float) -> dict[str, float]:
    """One round with every client in this process, then its server alone in another, from what it was told.

    Clients that drop out do so after sharing keys, where they cost the server most. Seconds are CPU time.
    `server_peak_bytes` is the growth over the server's memory after a small round. `client_share_s` and
    `client_mask_s` are means over the clients.

    Raises:
        MeasurementError: the sum is not exact, or the server's process failed.
        OSError: no room for a copy of all masked vectors in the temporary folder.
    """
    with TemporaryDirectory() as name:
        transcript, warm_up = Path(name) / "round", Path(name) / "warm-up"
        _record(warm_up, *secagg_replay.WARM_UP, dropout)
        report, seconds = _record(transcript, clients, length, dropout)
        figures = _replayed(clients, length, dropout, transcript, warm_up)
    if report.aggregate is None or figures["digest"] != _digest(report.aggregate.ring_total):
        raise MeasurementError(f"the server alone came to another sum ({report.reason}); report this")
    survivors = report.aggregate.survivors
    _require_exact(report, secagg_replay.config(clients, length, dropout))
    uplink = fmean(report.bytes_sent(client) for client in survivors)
    return {
        "clients": clients,
        "survivors": len(survivors),
        "cpu_seconds": seconds,
        "server_peak_bytes": int(figures["peak_bytes"]),
        "server_cpu_s": float(figures["cpu_s"]),
        "server_unmask_s": float(figures["unmask_s"]),
        "client_share_s": _mean_seconds(report, *_SHARING),
        "client_mask_s": _mean_seconds(report, "contribute"),
        "uplink_bytes_per_coord": uplink / length,
    }


class _Vectors(Mapping[str, NDArray[np.float32]]):
    """Normal values for each client, made up when they are asked for."""

    def __init__(self, names: Mapping[str, int], length: int) -> None:
        self._names, self._length = names, length

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        draw = np.random.default_rng(self._names[name])
        return _SPREAD * draw.standard_normal(self._length, dtype=np.float32)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _inputs(clients: int, length: int) -> tuple[_Vectors, dict[str, int]]:
    names = {f"client-{number:05}": number for number in range(clients)}
    return _Vectors(names, length), {
        name: 1 + seed % secagg_replay.MAX_WEIGHT for name, seed in names.items()
    }


def _record(path: Path, clients: int, length: int, dropout: float) -> tuple[Report, float]:
    """Play a round and write what its server was told; CPU seconds, those for writing included."""
    config = secagg_replay.config(clients, length, dropout)
    vectors, weights = _inputs(clients, length)
    dropped = np.random.default_rng(0).choice(list(weights), int(dropout * clients), replace=False)
    faults = Faults(gone={str(name): Phase.MASK for name in dropped})
    start = process_time()
    with path.open("wb") as file:
        report = simulate(config, vectors, weights, faults, watch=partial(_note, file))
    return report, process_time() - start


def _note(file: BinaryIO, _: float, party: str, event: Event) -> None:
    if party == SERVER:
        secagg_replay.write_event(file, event)


def _replayed(clients: int, length: int, dropout: float, transcript: Path, warm_up: Path) -> dict[str, str]:
    numbers = [str(clients), str(length), str(dropout)]
    script = [sys.executable, "-P", secagg_replay.__file__]
    command = [*script, *numbers, str(transcript), str(warm_up)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
    if done.returncode:
        reason = (done.stderr.splitlines() or ["killed"])[-1]
        raise MeasurementError(f"the server of {clients} clients failed ({reason}); try fewer")
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _require_exact(report: Report, config: RoundConfig) -> None:
    """Compare with the sum of what the survivors encode."""
    if report.aggregate is None:
        raise MeasurementError(f"the round was aborted: {report.reason}")
    vectors, weights = _inputs(config.encoding.max_clients, config.length)
    total = np.zeros(config.coordinates, dtype=config.encoding.dtype)
    for name in report.aggregate.survivors:
        total += config.encoding.encode(vectors[name], weights[name])
    if _digest(total) != _digest(report.aggregate.ring_total):
        raise MeasurementError("the sum is not that of the survivors; report this")


def _mean_seconds(report: Report, *kinds: str) -> float:
    """Of the clients that handled all these events."""
    clients = [steps for party, steps in report.seconds.items() if party != SERVER]
    return fmean(sum(steps[kind] for kind in kinds) for steps in clients if set(kinds) <= set(steps))


def _digest(ring: NDArray[np.unsignedinteger]) -> str:
    return sha256(ring.tobytes()).hexdigest()


if __name__ == "__main__":
    print(json.dumps(measure_scale(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))))
