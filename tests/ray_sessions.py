"""A Ray of one's own: sessions of others on this machine do not matter, and none is left behind."""

from contextlib import contextmanager
from tempfile import TemporaryDirectory


@contextmanager
def own_ray():
    """Environment of all its processes."""
    # pytest's own folders are too deep for the names of Ray's sockets.
    with TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        # Without an address, Ray waits for whatever cluster was last started on this machine, alive or not.
        yield {"RAY_TMPDIR": folder, "RAY_ADDRESS": "local"}
