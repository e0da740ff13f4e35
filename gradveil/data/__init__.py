"""Images with labels to measure on."""

from gradveil.data.dataset import Dataset
from gradveil.data.sources import load

__all__ = ["Dataset", "load"]
