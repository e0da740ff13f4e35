"""Whether the packages to compare with are there."""

from importlib.util import find_spec

from gradveil.bench.memory import MeasurementError


class MissingPeerError(MeasurementError):
    """The package to compare with is not installed."""


def require_peer(package: str) -> None:
    """Raise MissingPeerError unless the package can be imported."""
    if find_spec(package) is None:
        raise MissingPeerError(f"{package} is not installed; run: pip install 'gradveil[peers]'")
