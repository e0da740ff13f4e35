"""Figures of publications next to what the same experiments gave here."""

from gradveil.report.reproduction.compare import Compared, compare
from gradveil.report.reproduction.figures import Figure, Paper, load_papers
from gradveil.report.reproduction.page import measured, reported, write_reproduction

__all__ = [
    "Compared",
    "Figure",
    "Paper",
    "compare",
    "load_papers",
    "measured",
    "reported",
    "write_reproduction",
]
