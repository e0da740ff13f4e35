"""What the leakage benchmarks share: images, what a server reads, finished cells on disk, tables, JSON.

Finished cells are kept by a `Journal`, one JSON line each, so that an interrupted benchmark goes on.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from attacks import Model
from benchmarks.leakage.journal import Journal, Key
from gradveil.data import Dataset, load
from gradveil.exchange import Clear, Observation, Update, Upload, observe

__all__ = [
    "CLIENT",
    "Journal",
    "Key",
    "Runs",
    "cifar10",
    "client_gradient",
    "finish",
    "finished",
    "grouped",
    "observed",
    "options",
    "progress_bars",
    "show",
    "write",
]

CLIENT = "victim"
_ROOT = Path(__file__).parents[2]
_DATA = _ROOT.parent / "shared" / "data"

Line = Mapping[str, Any]


def cifar10(part: str = "test_2k") -> Dataset:
    """CIFAR-10 images 3x32x32 in [0, 1]: `test_2k` or `train_10k`.

    Raises:
        DataError: the archive is not beside this repository, in shared/data.
    """
    return load(f"npz:{_DATA / f'cifar10_{part}.npz'}")


def observed(
    model: Model,
    images: NDArray[np.float32] | NDArray[np.int64],
    labels: NDArray[np.int64],
    hidden: Sequence[int] | NDArray[np.int64] = (),
    arithmetic: torch.dtype = torch.float32,
    **granted: Any,
) -> Observation:
    """What a server holds of one client's update; everything but the hidden coordinates is readable.

    Args:
        model: the public network.
        images: (B, C, H, W) in [0, 1], or tokens (B, T).
        labels: (B,) or (B, T); nobody is told, unless `granted` names `labels`.
        hidden: encrypted coordinates of the flat vector.
        arithmetic: what the client computes in; it sends float32 either way.
        granted: further fields of `Knowledge`.
    """
    total = client_gradient(model, images, labels, arithmetic)
    update = Update(model.layout, (total / len(images)).float().cpu().numpy(), len(images))
    contribution = update.contribution()
    readable = np.ones(contribution.size, dtype=np.bool_)
    readable[np.asarray(hidden, dtype=np.int64)] = False
    coords = np.flatnonzero(readable)
    upload = Upload(CLIENT, model.layout, (Clear(coords, contribution[coords]),))
    knowledge = replace(model.knowledge(len(images)), **granted)
    return observe(model.layout, [upload], [], knowledge)


def client_gradient(
    model: Model,
    images: NDArray[np.float32] | NDArray[np.int64],
    labels: NDArray[np.int64],
    arithmetic: torch.dtype,
) -> torch.Tensor:
    """Sum of gradients (P,) as a client computes it in float32 or float64; tokens stay integers."""
    network = model.double() if arithmetic == torch.float64 else model
    batch = torch.from_numpy(images).to(model.device)
    batch = batch.to(arithmetic) if batch.is_floating_point() else batch
    return network.gradient(batch, torch.from_numpy(labels).to(model.device))


def described(attack: object) -> str:
    """All settings; functions by their names alone, so that it is the same in every process."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(attack))


def options(description: str | None, name: str) -> argparse.ArgumentParser:
    """The options of every leakage benchmark: --quick, --seed, --journal and --out."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a small part, to see that it works")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--journal", type=Path, default=_ROOT / ".benchmarks" / f"{name}.jsonl")
    parser.add_argument("--out", type=Path, default=_ROOT / "benchmarks" / "results" / f"{name}.json")
    return parser


Runs = Sequence[tuple[Key, Callable[[], dict[str, Any]]]]
"""Keys that tell runs apart, and what to do where one is not finished."""


def finished(journal: Journal, runs: Runs) -> Runs:
    """Those that the journal holds; to tell results before all runs are done."""
    return [(key, run) for key, run in runs if journal.get(key) is not None]


def finish(journal: Journal, runs: Runs, description: str) -> list[dict[str, Any]]:
    """One line a run, of its key and what came out; runs in the journal are not repeated.

    Args:
        journal: finished runs; an interruption loses none of them.
        runs: a key that tells this run from all others, and what to do if it is not finished.
        description: stands in front of the progress bar.

    Raises:
        SystemExit: Ctrl-C; says how to go on.
    """
    lines = []
    try:
        with progress_bars() as progress:
            for key, run in progress.track(runs, description=description):
                lines.append(key | (journal.get(key) or journal.add(key, run())))
    except KeyboardInterrupt:
        sys.exit(f"stopped; finished runs are in {journal.path}, the same command goes on from there")
    return lines


def grouped(lines: Sequence[Line], keys: Sequence[str]) -> list[tuple[dict[str, Any], list[Line]]]:
    """The lines that agree in these keys, and what they agree on, in the order of their first line."""
    groups: dict[tuple[Any, ...], list[Line]] = {}
    for line in lines:
        groups.setdefault(tuple(line[key] for key in keys), []).append(line)
    return [(dict(zip(keys, values, strict=True)), group) for values, group in groups.items()]


def progress_bars() -> Progress:
    """Bars with counts and times."""
    return Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


def show(title: str, lines: Sequence[Line]) -> None:
    """Print lines with the same keys as a table."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for key, value in lines[0].items():
        table.add_column(key, justify="right" if isinstance(value, int | float) else "left")
    for line in lines:
        table.add_row(*(f"{v:.4g}" if isinstance(v, float) else str(v) for v in line.values()))
    Console().print(table)


def write(path: Path, record: Mapping[str, Any]) -> None:
    """The results as JSON, with the version of torch."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"torch": torch.__version__, **record}, indent=1) + "\n")
