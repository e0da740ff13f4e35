"""The process whose memory is measured: `python -m gradveil.bench.server_memory KIND FOLDER`."""

import sys
from importlib import import_module
from pathlib import Path

from gradveil.bench.server_files import AGGREGATE, PEAK, UPLOADS, WARM_UP, WORK

_MODULES = {
    "he": "gradveil.bench.ours",
    "tenseal": "gradveil.bench.peers",
    "flwr": "gradveil.bench.secagg_flower_memory",
}
"""Where `open_server` is, by kind."""


def main(kind: str, folder: Path) -> None:
    """Write to FOLDER/peak by how many bytes memory grew while the round in FOLDER/work was aggregated."""
    _aggregate(kind, folder / WARM_UP)
    before = _memory("VmRSS")
    _aggregate(kind, folder / WORK)
    # The high-water mark of the whole process: if the imports peaked higher than the round, that counts.
    (folder / PEAK).write_text(str(_memory("VmHWM") - before))


def _aggregate(kind: str, folder: Path) -> None:
    server = import_module(_MODULES[kind]).open_server(folder)
    for path in sorted(folder.glob(UPLOADS)):
        server.add(path.read_bytes())
    (folder / AGGREGATE).write_bytes(server.close())


def _memory(field: str) -> int:
    """Bytes, of this program alone; getrusage would start from the peak of the process that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
