"""The server's memory: a round prepared here, aggregated in a fresh process that does nothing else."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from gradveil.bench.measure import Inputs
from gradveil.bench.package import Package
from gradveil.bench.plan import Size
from gradveil.bench.server_files import AGGREGATE, PEAK, UPLOAD, WARM_UP, WORK
from gradveil.exchange.errors import GradveilError

_TINY = 16
_CHILD = "gradveil.bench.server_memory"


class MeasurementError(GradveilError):
    """A process of the benchmark failed."""


def server_peak(package: Package, size: Size) -> tuple[int, int]:
    """`peak_of` a package's server."""
    return peak_of(package.kind, package.name, partial(_write_round, package), size)


def peak_of(kind: str, name: str, write: Callable[[Path, Size], None], size: Size) -> tuple[int, int]:
    """Bytes by which the server's peak exceeds its memory before the round, and bytes of one aggregate.

    Args:
        kind: see `gradveil.bench.server_memory`.
        name: of the set-up, for errors.
        write: puts all uploads of a round into an empty folder, and what its server needs.
        size: of the round.

    Raises:
        MeasurementError: the server's process failed.
        OSError: no room for the uploads in the temporary folder.
    """
    with TemporaryDirectory() as place:
        folder = Path(place)
        for part, values in ((WARM_UP, _TINY), (WORK, size.values)):
            (folder / part).mkdir()
            write(folder / part, Size(values, size.clients))
        command = [sys.executable, "-m", _CHILD, kind, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
        if done.returncode:
            reason = (done.stderr.splitlines() or ["killed"])[-1]
            raise MeasurementError(f"the server for {name} failed ({reason}); try fewer --values")
        return int((folder / PEAK).read_text()), (folder / WORK / AGGREGATE).stat().st_size


def _write_round(package: Package, folder: Path, size: Size) -> None:
    """All clients send the same values: memory does not depend on them."""
    package.save_server(folder, size.values)
    values, first = Inputs.drawn(size.values, 1).total, folder / UPLOAD.format(0)
    with package.quiet():
        for client in range(size.clients):
            path = folder / UPLOAD.format(client)
            if package.anonymous and client:
                path.hardlink_to(first)
            else:
                path.write_bytes(package.encrypt(client, values))
