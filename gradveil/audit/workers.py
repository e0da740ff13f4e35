"""What every worker process of an audit does first."""

import os
import signal
from multiprocessing import connection, parent_process
from threading import Thread

import torch


def start_worker() -> None:
    """Leave Ctrl-C to the parent, end with it, and compute in one thread."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    Thread(target=_die_with_parent, daemon=True).start()
    torch.set_num_threads(1)


def _die_with_parent() -> None:
    """A killed parent must not leave workers behind that nobody reads from."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
