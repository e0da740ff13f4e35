"""An audit in a folder: started, resumed, finished."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import torch

from attacks import PRESETS
from gradveil.adaptive import ADAPTIVE
from gradveil.audit.config import AuditConfig
from gradveil.audit.executors import Executor
from gradveil.audit.plan import cases
from gradveil.audit.sweep import sweep
from gradveil.audit.toml import ConfigError
from gradveil.data import load
from gradveil.exchange import GradveilError
from gradveil.exchange.files import write_atomically
from gradveil.models import NETWORKS
from gradveil.records import Record, RecordStore

Progress = Callable[[int, int], None]
"""Called with the finished and the total number of trials."""


def run_audit(config: AuditConfig, folder: Path, *, executor: Executor, progress: Progress) -> list[Record]:
    """Run all trials that have no record in the folder yet; returns the records of the whole run.

    Raises:
        GradveilError: the folder holds another configuration's run or is in use, data is missing, a name is
            unknown, or workers were lost.
    """
    _require_known_names(config)
    keys = _distinct_keys(config)
    for source in config.data:
        load(source)  # the workers load it again; here, missing data must leave no folder behind
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        _claim(folder, config)
        store = RecordStore(folder)
        records = store.load()
        done = {record.key for record in records}
        pending = [case for case, key in zip(cases(config), keys, strict=True) if key not in done]
        total = len(done) + len(pending)
        progress(len(records), total)
        if pending:
            with closing(sweep(config, pending, store, executor)) as finished:
                for record in finished:
                    records.append(record)
                    progress(len(records), total)
    return records


def choose_device(wanted: str) -> str:
    """`cpu` or `cuda` from auto, cpu or cuda.

    Raises:
        GradveilError: CUDA is wanted and not there, or the word is unknown.
    """
    if wanted not in ("auto", "cpu", "cuda"):
        raise GradveilError(f"no device {wanted!r}; choose auto, cpu or cuda")
    if wanted == "cuda" and not torch.cuda.is_available():
        raise GradveilError("torch sees no CUDA device; use --device cpu, or see `gradveil doctor`")
    return "cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu"


def _require_known_names(config: AuditConfig) -> None:
    for kind, names, known in (
        ("model", config.models, NETWORKS),
        ("attack", config.attacks, (*PRESETS, ADAPTIVE)),
    ):
        for name in names:
            if name not in known:
                raise ConfigError(f"no {kind} {name!r}; choose among {', '.join(known)}")


def _distinct_keys(config: AuditConfig) -> list[str]:
    keys = [case.key(config) for case in cases(config)]
    if len(set(keys)) < len(keys):
        raise ConfigError("a seed, model, defense or another entry stands twice in its list; remove one")
    return keys


def _claim(folder: Path, config: AuditConfig) -> None:
    """Write the configuration into a new folder, or check that it is the same."""
    path, text = folder / "config.json", config.model_dump_json(indent=2).encode()
    if not path.exists():
        write_atomically(path, text)
    elif path.read_bytes() != text:
        raise GradveilError(f"{folder} holds a run with another configuration; choose another --out")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One audit at a time in a folder; the lock goes with the process, even a killed one."""
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise GradveilError(f"another audit is running in {folder}; wait or choose --out") from error
        yield
