"""Benchmarks of what this distribution ships against what others ship, in one process on the same input."""

from gradveil.bench.he import run_he
from gradveil.bench.plan import Plan
from gradveil.bench.results import Metric, Samples
from gradveil.bench.tables import tables

__all__ = ["Metric", "Plan", "Samples", "run_he", "tables"]
