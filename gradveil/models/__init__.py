"""The networks that audits run on, by name."""

from gradveil.models.networks import NETWORKS, build
from gradveil.models.normalisation import IMAGENET, normalised

__all__ = ["IMAGENET", "NETWORKS", "build", "normalised"]
