"""The server's process: one round, with events as lines of JSON on standard output."""

import argparse
import asyncio
import json
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from examples.secagg_tls.conductor import PHASES, Limits
from examples.secagg_tls.job import Job
from examples.secagg_tls.round_server import RoundServer
from examples.secagg_tls.store import Store
from secagg import Closed, Done


def main() -> int:
    """Exit status 0 if the round has a result, else 1."""
    options = _options()
    limits = _limits(Job.load(options.folder), options.seconds, options.limit)
    if options.snapshots and Store(options.folder).result() is not None:
        announce("done before")
        return 0
    listener = _listener(options)
    announce("listening", port=listener.getsockname()[1])
    server = RoundServer(
        options.folder, limits, announce, snapshots=options.snapshots, die_after=options.die_after
    )
    return announce_end(asyncio.run(server.run(listener)))


def announce(event: str, **fields: object) -> None:
    """Print one event."""
    print(json.dumps({"event": event, **fields}), flush=True)


def announce_end(end: Done | Closed) -> int:
    """Print how the round ended; the sum itself is in a file."""
    match end:
        case Done(aggregate=aggregate):
            announce("done", survivors=sorted(aggregate.survivors))
            return 0
        case Closed(reason=reason):
            announce("aborted", reason=reason)
    return 1


def parse_limits(text: str) -> tuple[str, Limits]:
    """PHASE:SECONDS:MINIMUM:MAXIMUM; raises ValueError for anything else."""
    phase, seconds, minimum, maximum = text.split(":")
    if phase not in PHASES:
        raise ValueError(f"no phase {phase!r}")
    return phase, Limits(float(seconds), int(minimum), int(maximum))


def _limits(job: Job, seconds: float, given: Sequence[tuple[str, Limits]]) -> dict[str, Limits]:
    """By default a phase needs as many answers as shares rebuild a secret."""
    return dict.fromkeys(PHASES, Limits(seconds, job.threshold, job.clients)) | dict(given)


def _listener(options: argparse.Namespace) -> socket.socket:
    """The caller's socket survives this process, so that clients can reconnect to the next one."""
    if options.fd is not None:
        return socket.socket(fileno=options.fd)
    return socket.create_server(("127.0.0.1", options.port))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of the server, see job.enrol")
    parser.add_argument("--fd", type=int, help="a listening socket that this process inherits")
    parser.add_argument("--port", type=int, default=0, help="to bind instead; 0 for any, see the first line")
    parser.add_argument("--seconds", type=float, default=30.0, help="deadline of each phase")
    parser.add_argument("--limit", type=parse_limits, nargs="*", default=(), metavar="PHASE:SECONDS:MIN:MAX")
    parser.add_argument("--snapshots", action="store_true", help="after each phase, and go on from one")
    parser.add_argument("--die-after", choices=PHASES, help="SIGKILL itself after this phase")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
