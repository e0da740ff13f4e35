"""Keeping a C++ library's chatter from stdout."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

_STDOUT = 1
_FLUSH_STREAMS = ctypes.CDLL(None).fflush


@contextmanager
def silenced_stdout() -> Iterator[None]:
    """Whatever is written to stdout in here is lost; afterwards all is as before.

    tenseal warns with std::cout about each vector that is longer than a ciphertext, among our JSON lines. How
    it was built decides whether that ends in sys.stdout or in file descriptor 1, so both lead nowhere. Enter
    this around whole measurements: a warning in here costs a write to /dev/null, less than one to a terminal,
    so the peer is timed at its best.
    """
    sys.stdout.flush()
    kept = os.dup(_STDOUT)
    try:
        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
            os.dup2(nowhere.fileno(), _STDOUT)
            yield
    finally:
        # What C still buffers for a pipe would come out after the end of the silence.
        _FLUSH_STREAMS(None)
        os.dup2(kept, _STDOUT)
        os.close(kept)
