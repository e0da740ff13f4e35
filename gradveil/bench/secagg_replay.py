"""A server alone in its process, fed with what a whole round said to it: its memory and its seconds.

Run by `secagg_scale` as a file, not as a module of this package: that would import all of the benchmarks,
and freed memory of theirs could hide what a server needs.
"""

import json
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from time import process_time
from typing import BinaryIO

from secagg import Deadline, Done, Event, FixedPoint, RoundConfig, Server, ServerSession, choose
from secagg.config import CONTEXT_BYTES, SESSION_BYTES

WARM_UP = (60, 1000)
"""Clients and length of the round that loads the code before memory is compared."""

MAX_WEIGHT = 100
_PREFIX_BYTES = 4


def config(clients: int, length: int, dropout: float) -> RoundConfig:
    """The round that is measured: automatic neighbours for 5 % colluders, 32 bits a coordinate."""
    parameters = choose(clients, dropout=dropout, corrupt=0.05)
    return RoundConfig(
        session=bytes(SESSION_BYTES),
        round=0,
        context=bytes(CONTEXT_BYTES),
        threshold=parameters.threshold,
        encoding=FixedPoint(clip=1.0, max_clients=clients, max_weight=MAX_WEIGHT),
        length=length,
        neighbours=None if parameters.complete else parameters.neighbours,
    )


def write_event(file: BinaryIO, event: Event) -> None:
    """Append a message or, as an empty one, a deadline."""
    payload = event if isinstance(event, bytes) else b""
    file.write(len(payload).to_bytes(_PREFIX_BYTES, "little") + payload)


def read_events(file: BinaryIO) -> Iterator[Event]:
    """What was written, one at a time."""
    while prefix := file.read(_PREFIX_BYTES):
        yield file.read(int.from_bytes(prefix, "little")) or Deadline()


def replay(path: Path, configuration: RoundConfig) -> tuple[str, float, float]:
    """Hash of the sum, CPU seconds of the last step, which takes the masks off, and of all steps."""
    session = ServerSession(Server(configuration, expects=configuration.encoding.max_clients))
    last = total = 0.0
    with path.open("rb", buffering=0) as file:
        for event in read_events(file):
            if isinstance(session.state, Done):
                break
            start = process_time()
            session.handle(event)
            last = process_time() - start
            total += last
    if not isinstance(session.state, Done):
        raise SystemExit("the replayed round has no result")
    return sha256(session.state.aggregate.ring_total.tobytes()).hexdigest(), last, total


def main(clients: int, length: int, dropout: float, transcript: Path, warm_up: Path) -> None:
    """Print the figures as JSON; the peak is the high-water mark of the whole process, imports included.

    The kernel counts resident pages in batches, so a tiny round can seem to need less than nothing.
    """
    replay(warm_up, config(*WARM_UP, dropout))
    before = _memory("VmRSS")
    digest, unmask, seconds = replay(transcript, config(clients, length, dropout))
    figures = {"digest": digest, "unmask_s": unmask, "cpu_s": seconds}
    print(json.dumps(figures | {"before_bytes": before, "peak_bytes": max(0, _memory("VmHWM") - before)}))


def _memory(field: str) -> int:
    """Bytes, of this program alone; getrusage would start from the peak of the process that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]), Path(sys.argv[5]))
