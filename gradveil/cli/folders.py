"""Folders that are whole or not there, and never written over another one."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gradveil.cli.errors import UsageError


def require_absent(path: Path) -> None:
    """Raise UsageError if anything is there, be it a broken link: keys, for one, cannot be made again."""
    if os.path.lexists(path):
        raise UsageError(f"{path} exists and is not overwritten; choose another --out, or move it away")


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """A folder to fill that gets its name `out`, so far absent, when all went well, and vanishes otherwise.

    Raises:
        UsageError: the disk does not take it.
    """
    try:
        with _vanishing(out) as folder:
            yield folder
            folder.rename(out)
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"cannot write {out} ({reason}); make {out.parent} exist and be writable") from error


@contextmanager
def _vanishing(out: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
