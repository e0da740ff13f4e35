"""Runs all cases of an audit in parallel; one record is on disk before the next one counts."""

import os
import signal
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, get_context, parent_process
from threading import Thread

import torch

from gradveil.audit.config import AuditConfig
from gradveil.audit.plan import Case
from gradveil.audit.runner import Runner
from gradveil.audit.trial import Outcome
from gradveil.exchange import GradveilError
from gradveil.records import Record, RecordStore

_runner: Runner | None = None


def sweep(
    config: AuditConfig, pending: Sequence[Case], store: RecordStore, device: str, workers: int
) -> Generator[Record, None, None]:
    """Run the pending cases, append each record as it is done, and yield it.

    Args:
        config: the audit's configuration.
        pending: cases without a record.
        store: where records and pictures go.
        device: `cpu` or `cuda`.
        workers: processes; each uses one thread, so that results do not depend on the machine.

    Raises:
        GradveilError: a worker process died; what was finished is kept.
    """
    with ProcessPoolExecutor(
        max_workers=workers,
        mp_context=get_context("spawn"),
        initializer=_start_worker,
        initargs=(config, device),
    ) as pool:
        futures = [pool.submit(_run, case) for case in pending]
        try:
            for future in as_completed(futures):
                yield _store(future, store)
        except BrokenProcessPool as error:
            raise GradveilError(
                "a worker process died, perhaps for lack of memory; run the same command to go on"
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _store(future: "Future[tuple[Record, Outcome]]", store: RecordStore) -> Record:
    record, outcome = future.result()
    if outcome.pictures is not None:
        store.save_pictures(record.key, *outcome.pictures)
    store.append(record)
    return record


def _start_worker(config: AuditConfig, device: str) -> None:
    global _runner
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    Thread(target=_die_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    _runner = Runner(config, device)


def _run(case: Case) -> tuple[Record, Outcome]:
    assert _runner is not None  # noqa: S101 -- set by the initializer
    return _runner.run(case)


def _die_with_parent() -> None:
    """A killed parent must not leave workers behind that nobody reads from."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
