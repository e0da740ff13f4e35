"""One server and many clients as processes on this machine, some of which are killed; prints the result."""

import argparse
import asyncio
import json
import signal
import socket
import sys
import tempfile
from pathlib import Path

from examples.secagg_tls.certificates import Authority
from examples.secagg_tls.children import Children
from examples.secagg_tls.client import QUESTIONS
from examples.secagg_tls.conductor import PHASES
from examples.secagg_tls.job import Job, enrol, expected_sum
from examples.secagg_tls.store import Store
from secagg import SERVER, default_threshold

_STOPPED = 128 + signal.SIGTERM


async def run(options: argparse.Namespace) -> dict[str, object]:
    """Everything in a temporary folder that is gone afterwards, as are all processes."""
    names = [f"client-{number}" for number in range(1, options.clients + 1)]
    job = Job.create(options.clients, options.length, options.threshold or default_threshold(options.clients))
    with (
        tempfile.TemporaryDirectory(prefix="secagg-tls-") as folder,
        socket.create_server(("127.0.0.1", 0), backlog=options.clients) as listener,
    ):
        enrol(Path(folder), names, job, Authority.create())
        async with Children() as children:
            async with asyncio.timeout(options.timeout):
                return await _round(options, Path(folder), listener, children, names)


async def _round(
    options: argparse.Namespace, folder: Path, listener: socket.socket, children: Children, names: list[str]
) -> dict[str, object]:
    port = listener.getsockname()[1]
    deaths = dict(options.kill)
    for name in names:
        death = ["--die-on", deaths[name]] if name in deaths else []
        await children.start(name, "client", str(folder / name), "--port", str(port), *death)
    servers = await _serve(options, folder, listener, children)
    listener.close()  # whoever still tries to reconnect is refused
    exits = {name: await children.wait(name) for name in names}
    return _summary(folder, exits, servers)


async def _serve(
    options: argparse.Namespace, folder: Path, listener: socket.socket, children: Children
) -> list[int]:
    """Start the server, and start it again as often as it is to be killed; the exit status of each."""
    exits = []
    fixed = [str(folder / SERVER), "--fd", str(listener.fileno()), "--seconds", str(options.seconds)]
    for death in (*options.kill_server, None):
        extra = [] if death is None else ["--die-after", death]
        snapshots = ["--snapshots"] if options.kill_server else []
        await children.start(SERVER, "server", *fixed, *snapshots, *extra, fd=listener.fileno())
        async for line in children.lines(SERVER):
            print(line, file=sys.stderr if options.json else sys.stdout, flush=True)
        exits.append(await children.wait(SERVER))
        if exits[-1] != -signal.SIGKILL:
            break
    return exits


def _summary(folder: Path, exits: dict[str, int], servers: list[int]) -> dict[str, object]:
    own = folder / SERVER
    result, job = Store(own).result() or {"survivors": [], "sum": []}, Job.load(own)
    expected = expected_sum(job, result["survivors"])
    exact = bool(result["survivors"]) and result["sum"] == expected
    return {**result, "exact": exact, "clients": exits, "servers": servers}


def _death(text: str) -> tuple[str, str]:
    """CLIENT=QUESTION; raises ValueError for anything else."""
    name, question = text.split("=")
    if question not in QUESTIONS:
        raise ValueError(f"no question {question!r}")
    return name, question


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--length", type=int, default=1000, help="values of each vector")
    parser.add_argument("--threshold", type=int, help="shares that rebuild a secret; 2n/3 + 1 by default")
    deaths = f"SIGKILL a client, client-1=..., when it hears one of: {', '.join(QUESTIONS)}"
    parser.add_argument("--kill", type=_death, nargs="*", default=(), help=deaths)
    restarts = "SIGKILL the server after these phases and restart it"
    parser.add_argument("--kill-server", nargs="*", default=(), choices=PHASES[:-1], help=restarts)
    parser.add_argument("--seconds", type=float, default=30.0, help="deadline of each phase")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds for all")
    parser.add_argument("--json", action="store_true", help="only the result, as JSON, on standard output")
    return parser.parse_args()


def _print(summary: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(summary))
        return
    survivors = summary.get("survivors")
    print(f"sum over {survivors}, exact: {summary['exact']}" if survivors else "no result")
    print(f"exit status of clients: {summary['clients']}, of servers: {summary['servers']}")


async def _stoppable(options: argparse.Namespace) -> dict[str, object]:
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await run(options)


def main() -> int:
    """Exit status 0 if the sum is exact."""
    options = _options()
    try:
        summary = asyncio.run(_stoppable(options))
    except (asyncio.CancelledError, KeyboardInterrupt):
        return _STOPPED
    except TimeoutError:
        print(f"no result within {options.timeout} s", file=sys.stderr)
        return 1
    _print(summary, as_json=options.json)
    return int(not summary["exact"])


if __name__ == "__main__":
    sys.exit(main())
