"""The server's memory: a round prepared here, aggregated in a fresh process that does nothing else."""

import subprocess
import sys
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
    """Bytes by which the server's peak exceeds its memory before the round, and bytes of one aggregate.

    Raises:
        MeasurementError: the server's process failed.
        OSError: no room for the uploads in the temporary folder.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        _write_round(package, folder / WARM_UP, Size(_TINY, size.clients))
        _write_round(package, folder / WORK, size)
        command = [sys.executable, "-m", _CHILD, package.kind, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
        if done.returncode:
            reason = (done.stderr.splitlines() or ["killed"])[-1]
            raise MeasurementError(f"the server for {package.name} failed ({reason}); try fewer --values")
        return int((folder / PEAK).read_text()), (folder / WORK / AGGREGATE).stat().st_size


def _write_round(package: Package, folder: Path, size: Size) -> None:
    """All clients send the same values: memory does not depend on them."""
    folder.mkdir()
    package.save_server(folder, size.values)
    values, first = Inputs.drawn(size.values, 1).total, folder / UPLOAD.format(0)
    with package.quiet():
        for client in range(size.clients):
            path = folder / UPLOAD.format(client)
            if package.anonymous and client:
                path.hardlink_to(first)
            else:
                path.write_bytes(package.encrypt(client, values))
