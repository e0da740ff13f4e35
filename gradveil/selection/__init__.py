"""Strategies that say which coordinates of an update to protect."""

from gradveil.selection.combination import interleaved, summed, voted
from gradveil.selection.ranking import Ranking, filled
from gradveil.selection.sample import Sample
from gradveil.selection.strategies import (
    STRATEGIES,
    Strategy,
    by_magnitude,
    everything,
    first_and_last,
    gradient_guided,
    magnitude,
    matching,
    named,
    nothing,
    random,
    rank,
    select,
)

__all__ = [
    "STRATEGIES",
    "Ranking",
    "Sample",
    "Strategy",
    "by_magnitude",
    "everything",
    "filled",
    "first_and_last",
    "gradient_guided",
    "interleaved",
    "magnitude",
    "matching",
    "named",
    "nothing",
    "random",
    "rank",
    "select",
    "summed",
    "voted",
]
