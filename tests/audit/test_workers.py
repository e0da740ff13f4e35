"""Worker processes give results as they are done, and stop when nobody wants them."""

import os
import time
from contextlib import closing
from functools import partial

import pytest

from gradveil.audit.workers import WorkerError, in_processes

LONG = 600.0


def slept(seconds):
    time.sleep(seconds)
    return os.getpid()


def alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_every_item_has_a_result():
    with closing(in_processes(abs, [-3, 2, -1], 2)) as results:
        assert sorted(results) == [1, 2, 3]


def test_closing_ends_work_in_the_middle():
    results = in_processes(slept, [0.0, LONG, LONG], 1)
    worker = next(results)
    start = time.monotonic()
    results.close()
    assert time.monotonic() - start < LONG / 10
    assert not alive(worker)


def test_a_dead_worker_is_an_error():
    with (
        closing(in_processes(os._exit, [1], 1)) as results,
        pytest.raises(WorkerError, match="run the same command"),
    ):
        next(results)


def test_what_cannot_be_prepared_is_an_error():
    prepare = partial(os._exit, 1)
    with closing(in_processes(abs, [1], 1, prepare)) as results, pytest.raises(WorkerError):
        next(results)
