"""Worker processes of this machine: one thread each, gone with their parent."""

import os
import signal
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from threading import Thread
from typing import TypeVar

import torch

from gradveil.exchange import GradveilError

T = TypeVar("T")
R = TypeVar("R")


class WorkerError(GradveilError):
    """Work cannot be done, or was lost with its worker; what was finished is kept."""


def in_processes(
    work: Callable[[T], R],
    items: Sequence[T],
    workers: int,
    prepare: Callable[[], None] | None = None,
) -> Generator[R, None, None]:
    """Results as they are done; closing the generator stops the others in the middle of their work.

    Args:
        work: of a module, so that a new process finds it.
        items: at least one.
        workers: processes at most; no more start than there are items.
        prepare: what each process does first; of a module, too, or partly applied.

    Raises:
        WorkerError: a process died.
    """
    context = get_context("spawn")
    theirs, ours = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(min(workers, len(items)), context, _start, (theirs, prepare))
    with theirs, ours:
        try:
            for future in as_completed([pool.submit(work, item) for item in items]):
                yield future.result()
        except BrokenProcessPool as error:
            raise WorkerError(
                "a worker process died, perhaps for lack of memory; run the same command to go on"
            ) from error
        finally:
            ours.close()  # ends the workers; the pool would wait for work that nobody takes any more
            pool.shutdown(cancel_futures=True)


def _start(lifeline: Connection, prepare: Callable[[], None] | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    Thread(target=_die_with, args=(lifeline,), daemon=True).start()
    torch.set_num_threads(1)
    if prepare is not None:
        prepare()


def _die_with(lifeline: Connection) -> None:
    """A parent that is done, or killed, must not leave workers behind that nobody reads from."""
    wait([lifeline])
    os._exit(1)
