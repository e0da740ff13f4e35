"""Tails of the hypergeometric distribution: how many marked clients a random draw of clients holds.

The urn holds all n clients, although none is its own neighbour: it stands for the neighbours of one place on
the ring, whoever sits there, and a union over the n places covers every client.
"""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


def most_marked(clients: int, marked: int, drawn: int, chance: float) -> int:
    """Least x with P[more than x marked] <= chance, if `drawn` of the clients are drawn at random."""
    low, probabilities = _probabilities(clients, marked, drawn)
    tails = np.cumsum(probabilities[::-1])
    return low + len(tails) - 1 - int(np.searchsorted(tails, chance, side="right"))


def fewest_marked(clients: int, marked: int, drawn: int, chance: float) -> int:
    """Greatest x with P[fewer than x marked] <= chance, if `drawn` of the clients are drawn at random."""
    low, probabilities = _probabilities(clients, marked, drawn)
    return low + int(np.searchsorted(np.cumsum(probabilities), chance, side="right"))


def log2_all_marked(clients: int, marked: int, drawn: int) -> float:
    """log2 P[all drawn clients are marked]; -inf if there are fewer marked than drawn."""
    if drawn > marked:
        return -math.inf
    logs = _log_factorials(clients)
    chance = logs[marked] - logs[marked - drawn] - logs[clients] + logs[clients - drawn]
    return float(chance) / math.log(2)


def _probabilities(clients: int, marked: int, drawn: int) -> tuple[int, NDArray[np.float64]]:
    # The least possible number of marked clients, and the probabilities of it and of all larger numbers.
    logs, others = _log_factorials(clients), clients - marked
    low, high = max(0, drawn - others), min(marked, drawn)
    inside = logs[low : high + 1] + logs[marked - high : marked - low + 1][::-1]
    outside = (
        logs[others - drawn + low : others - drawn + high + 1] + logs[drawn - high : drawn - low + 1][::-1]
    )
    ways = logs[marked] + logs[others] - logs[clients] + logs[drawn] + logs[clients - drawn]
    return low, np.exp(ways - inside - outside)


@lru_cache(maxsize=2)
def _log_factorials(largest: int) -> NDArray[np.float64]:
    # From the gamma function and not a running sum, whose rounding errors would add up.
    logs = np.array([math.lgamma(number + 1) for number in range(largest + 1)])
    logs.flags.writeable = False
    return logs
