"""A 500-trial audit, killed at random three times, and on Ray: `python -m benchmarks.audit.scale`.

Needs an environment with ray (`make test-ray` builds one). Three runs of scale.toml through the command line:
whole; with SIGKILL at three random moments, to the command or to one of its workers, resumed each time;
and on a local Ray cluster of two workers. All must end with the same 500 records, times aside.
"""

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from rich.console import Console

from gradveil.audit import load_config
from gradveil.audit.plan import cases
from gradveil.doctor import machine, versions
from gradveil.exchange.files import write_atomically
from gradveil.records import RecordStore

CONFIG = Path(__file__).parent / "scale.toml"
RESULT = Path(__file__).parents[1] / "results" / "scale.json"
KILLS = 3
WORKERS = ("--workers", "2")


def start(out: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "gradveil", "audit", str(CONFIG), "--out", str(out), *options]
    return subprocess.Popen(  # noqa: S603
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )


def finished(out: Path, *options: str) -> dict[str, float]:
    """Run to the end; seconds, and CPU seconds of the command and its children (not Ray's workers)."""
    began, used = time.perf_counter(), _children_seconds()
    process = start(out, *options)
    _, errors = process.communicate()
    if process.returncode:
        sys.exit(errors.decode())
    return {
        "seconds": round(time.perf_counter() - began, 1),
        "cpu_seconds": round(_children_seconds() - used, 1),
    }


def killed(out: Path, at: int, worker: bool) -> dict[str, Any]:
    """Start, or go on, and kill once so many records are there."""
    process = start(out, *WORKERS)
    while _lines(out) < at:
        if process.poll() is not None:
            sys.exit("the audit ended before it could be killed")
        time.sleep(0.01)
    hit = _workers(process.pid)[0] if worker else process.pid
    os.kill(hit, signal.SIGKILL)
    process.communicate()
    return {"killed": "worker" if worker else "command", "at": at, "whole_records": _lines(out)}


def three_times_killed(out: Path, trials: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    moments = sorted(rng.choice(np.arange(1, trials), KILLS, replace=False).tolist())
    return [killed(out, at, worker=bool(rng.integers(2))) for at in moments]


def by_key(out: Path) -> dict[str, dict[str, Any]]:
    return {record.key: record.without_times() for record in RecordStore(out).load()}


def _lines(out: Path) -> int:
    path = out / "records.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _workers(parent: int) -> list[int]:
    """The pool's processes, which are its children by spawn, unlike multiprocessing's resource tracker."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def compared(folder: Path, seed: int) -> dict[str, Any]:
    """Run all three; what was found."""
    trials = len(list(cases(load_config(CONFIG))))
    whole = finished(folder / "whole", *WORKERS)
    kills = three_times_killed(folder / "killed", trials, np.random.default_rng(seed))
    resumed = finished(folder / "killed", *WORKERS)
    ray = finished(folder / "ray", "--ray", "local", *WORKERS)
    records = {name: by_key(folder / name) for name in ("whole", "killed", "ray")}
    return {
        "trials": trials,
        "records": {name: _lines(folder / name) for name in records},
        "distinct_keys": {name: len(found) for name, found in records.items()},
        "same_as_whole": {name: found == records["whole"] for name, found in records.items()},
        "kills": kills,
        "took": {"whole": whole, "resumed": resumed, "ray": ray},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        found = compared(Path(folder), options.seed)
    record = {"seed": options.seed, **found, "machine": machine(), "versions": versions()}
    write_atomically(options.out, (json.dumps(record, indent=1) + "\n").encode())
    Console().print_json(json.dumps(found))
    if set(found["records"].values()) != {found["trials"]} or not all(found["same_as_whole"].values()):
        sys.exit("the runs differ")


if __name__ == "__main__":
    main()
