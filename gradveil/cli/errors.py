"""What a command refuses by itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gradveil.exchange import GradveilError, WireError


class UsageError(GradveilError):
    """Options or files that a command cannot work with."""


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Errors about the bytes of a file, raised inside, come out as UsageError with its name."""
    try:
        yield
    except WireError as error:
        raise UsageError(f"{path}: {error}") from error
