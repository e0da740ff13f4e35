"""Files in memory: SEAL's Python objects save to and load from paths, and nothing should touch a disk."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def saved(source: Any) -> bytes:  # noqa: ANN401 - the library's objects are untyped
    """The bytes that a SEAL object writes."""
    with _memory_file() as (handle, path):
        source.save(path)
        return os.pread(handle, os.fstat(handle).st_size, 0)


def load(target: Any, context: Any, data: bytes) -> None:  # noqa: ANN401
    """Let a SEAL object read these bytes; raises what the library raises."""
    with _memory_file() as (handle, path):
        os.pwrite(handle, data, 0)
        target.load(context, path)


@contextmanager
def _memory_file() -> Iterator[tuple[int, str]]:
    """An anonymous file; a new one each time costs microseconds and is safe across threads and forks."""
    handle = os.memfd_create("gradveil")
    try:
        yield handle, f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)
