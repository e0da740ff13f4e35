"""Strategies that say which coordinates of an update to protect."""

from gradveil.selection.strategies import (
    STRATEGIES,
    first_and_last,
    magnitude,
    named,
    random,
    select,
)

__all__ = ["STRATEGIES", "first_and_last", "magnitude", "named", "random", "select"]
