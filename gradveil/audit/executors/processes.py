"""Trials in processes of this machine."""

import os
import signal
from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import connection, get_context, parent_process
from threading import Thread

import torch

from gradveil.audit.config import AuditConfig
from gradveil.audit.executors.base import Done, ExecutorError, ready_runner
from gradveil.audit.plan import Case
from gradveil.audit.runner import Runner

_runner: Runner | None = None


@dataclass(frozen=True)
class Processes:
    """So many processes.

    Attributes:
        device: `cpu` or `cuda`, the same for all.
        workers: at most; no more start than there are trials.
    """

    device: str
    workers: int

    def run(self, config: AuditConfig, pending: Sequence[Case]) -> Generator[Done, None, None]:
        """As an executor does; a dead process ends the whole run."""
        with ProcessPoolExecutor(
            max_workers=min(self.workers, len(pending)),
            mp_context=get_context("spawn"),
            initializer=_start_worker,
            initargs=(config, self.device),
        ) as pool:
            futures = [pool.submit(_run, case) for case in pending]
            try:
                for future in as_completed(futures):
                    yield future.result()
            except BrokenProcessPool as error:
                raise ExecutorError(
                    "a worker process died, perhaps for lack of memory; run the same command to go on"
                ) from error
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


def _start_worker(config: AuditConfig, device: str) -> None:
    global _runner
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    Thread(target=_die_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    _runner = ready_runner(config, device)


def _run(case: Case) -> Done:
    assert _runner is not None  # noqa: S101 -- set by the initializer
    return _runner.run(case)


def _die_with_parent() -> None:
    """A killed parent must not leave workers behind that nobody reads from."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
