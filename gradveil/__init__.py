"""gradveil: protect federated-learning updates and measure what still leaks."""

from gradveil._version import __version__

__all__ = ["__version__"]
