"""The networks that audits run on, by name."""

from gradveil.models.networks import NETWORKS, build

__all__ = ["NETWORKS", "build"]
