"""What is installed and on which machine: for `gradveil doctor`, and for the records."""

import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from gradveil._version import __version__

Status = Literal["ok", "warn", "missing"]

OLDEST_PYTHON = (3, 11)
_REQUIRED = (
    "numpy",
    "torch",
    "torchvision",
    "tenseal",
    "zstandard",
    "cryptography",
    "mlxtend",
    "scipy",
    "torchmetrics",
    "safetensors",
)
_OPTIONAL = {"flwr": "flower", "ray": "ray", "breaching": "peers"}  # package -> the extra that brings it


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a diagnosis; `remedy` says what to do and is empty when all is well."""

    name: str
    status: Status
    detail: str
    remedy: str = ""


def diagnose() -> list[Finding]:
    """Findings on Python, each package and the GPU. Imports torch, if it is there, to ask for the GPU."""
    packages = [_required(name) for name in _REQUIRED]
    extras = [_optional(name, extra) for name, extra in _OPTIONAL.items()]
    return [_python(), *packages, _gpu(), *extras]


def versions() -> dict[str, str]:
    """Version of each installed package that can change a result, gradveil first."""
    found = ((name, _version(name)) for name in (*_REQUIRED, *_OPTIONAL))
    return {"gradveil": __version__, **{name: version for name, version in found if version is not None}}


def machine() -> dict[str, str | int | float | None]:
    """Platform, CPU model, cores this process may use, memory in GiB (None when unknown), Python version."""
    return {
        "platform": platform.platform(),
        "cpu": _cpu_model(),
        "cores": _cores(),
        "memory_gib": _memory_gib(),
        "python": platform.python_version(),
    }


def _python() -> Finding:
    detail = platform.python_version()
    if sys.version_info[:2] >= OLDEST_PYTHON:
        return Finding("python", "ok", detail)
    oldest = ".".join(map(str, OLDEST_PYTHON))
    return Finding("python", "warn", detail, f"install Python {oldest} or newer")


def _required(name: str) -> Finding:
    version = _version(name)
    if version is None:
        return Finding(name, "missing", "not installed", f"pip install {name}")
    return Finding(name, "ok", version)


def _optional(name: str, extra: str) -> Finding:
    version = _version(name)
    if version is None:
        return Finding(name, "warn", "not installed (optional)", f"pip install 'gradveil[{extra}]'")
    return Finding(name, "ok", version)


def _gpu() -> Finding:
    try:
        import torch  # heavy, and absent where only an FL client runs

        if torch.cuda.is_available():
            return Finding("gpu", "ok", str(torch.cuda.get_device_name()))
    except (ImportError, OSError, RuntimeError) as error:
        return Finding("gpu", "missing", f"torch does not start: {error}", "reinstall torch")
    return Finding("gpu", "ok", "none; attacks run on the CPU")


def _version(name: str) -> str | None:
    """The version, or None when the package cannot be found or is only a leftover of one."""
    try:
        return metadata.version(name) if find_spec(name) else None
    except metadata.PackageNotFoundError:
        return None


def _cores() -> int:
    affinity: Callable[[int], set[int]] | None = getattr(
        os, "sched_getaffinity", None
    )  # not on macOS, Windows
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(errors="replace").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):  # no sysconf, or not these names
        return None
