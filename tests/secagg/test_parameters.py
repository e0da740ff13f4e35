"""Degree and threshold: known tables, the rule for small rounds, the claim, and refusals."""

import math
from dataclasses import FrozenInstanceError
from time import perf_counter

import numpy as np
import pytest

from secagg.config import default_threshold
from secagg.errors import ProtocolError
from secagg.parameters import (
    COMPLETE_UP_TO,
    GRINDING_BITS,
    Adversary,
    InfeasibleError,
    Setting,
    choose,
    cut_threshold,
    harary_parameters,
)

HONEST, LYING = Adversary
RATES = [
    (0.05, 0.05, HONEST),
    (0.1, 0.1, HONEST),
    (0.2, 0.1, HONEST),
    (0.2, 0.2, HONEST),
    (0.33, 0.1, HONEST),
    (0.33, 0.33, HONEST),
    (0.1, 0.1, LYING),
    (0.2, 0.1, LYING),
]
"""(corrupt, dropout, adversary) of the columns of TABLE."""

TABLE = {
    10: [(2, 2), (4, 2), (4, 3), (6, 3), (6, 4), (8, 4), (4, 3), (6, 5)],
    20: [(4, 2), (6, 3), (8, 5), (10, 5), (10, 7), (14, 7), (8, 6), (10, 8)],
    50: [(6, 3), (12, 6), (16, 11), (22, 11), (22, 17), (34, 17), (16, 11), (22, 17)],
    100: [(12, 6), (22, 11), (32, 21), (42, 21), (42, 32), (68, 34), (32, 22), (42, 32)],
    200: [(22, 11), (36, 19), (50, 31), (68, 36), (68, 48), (128, 66), (60, 41), (78, 58)],
    500: [(30, 16), (46, 25), (66, 41), (98, 51), (98, 67), (230, 118), (94, 64), (130, 95)],
    1000: [(34, 18), (52, 28), (76, 47), (112, 59), (114, 78), (310, 159), (114, 78), (162, 118)],
    10000: [(38, 21), (60, 32), (90, 55), (136, 71), (140, 95), (480, 246), (144, 98), (216, 157)],
}
"""Clients to (k, t) at sigma 40, eta 30, computed with a separate program."""

GOOGLE = [
    (100, 0.45, 0.45, HONEST, 92, 46),
    (10_000, 0.45, 0.45, HONEST, 3494, 1771),
    (100_000, 0.33, 0.33, HONEST, 480, 251),
    (1000, 0.05, 0.33, HONEST, 72, 24),
    (1000, 0.33, 0.0, HONEST, 38, 36),
    (1000, 0.0, 0.0, HONEST, 2, 2),
    (1000, 0.3, 0.3, LYING, 872, 584),
    (100_000, 0.05, 0.33, LYING, 882, 496),
    (10_000, 0.0, 0.33, LYING, 326, 164),
]
"""Expected values at eta 20 of google-parfait/federated-compute, graph_parameter_finder_test.cc."""


def sparse(**fields):
    """Parameters of a sparse graph, or None where there are none."""
    try:
        return harary_parameters(Setting(**fields))
    except InfeasibleError:
        return None


@pytest.mark.parametrize("clients", TABLE)
@pytest.mark.parametrize("column", range(len(RATES)), ids=lambda i: "-".join(map(str, RATES[i])))
def test_the_table(clients, column):
    corrupt, dropout, adversary = RATES[column]
    found = sparse(clients=clients, dropout=dropout, corrupt=corrupt, adversary=adversary)
    assert (found.neighbours, found.threshold) == TABLE[clients][column]


@pytest.mark.parametrize(("clients", "corrupt", "dropout", "adversary", "neighbours", "threshold"), GOOGLE)
def test_values_of_google(clients, corrupt, dropout, adversary, neighbours, threshold):
    found = sparse(clients=clients, dropout=dropout, corrupt=corrupt, eta=20, adversary=adversary)
    assert (found.neighbours, found.threshold) == (neighbours, threshold)


@pytest.mark.parametrize("clients", [3, 4, 10, 49, COMPLETE_UP_TO])
@pytest.mark.parametrize("adversary", Adversary)
def test_small_rounds_take_the_complete_graph(clients, adversary):
    found = choose(clients, dropout=0.1, corrupt=0.1, adversary=adversary)
    assert found.complete
    assert (found.neighbours, found.threshold) == (clients - 1, default_threshold(clients))
    assert found.holders == clients


def test_larger_rounds_take_a_sparse_graph():
    found = choose(COMPLETE_UP_TO + 1, dropout=0.1, corrupt=0.1)
    assert not found.complete
    assert found.holders == found.neighbours < COMPLETE_UP_TO
    assert found == sparse(clients=COMPLETE_UP_TO + 1, dropout=0.1, corrupt=0.1)


def test_the_claim_says_what_was_assumed():
    lying = choose(1000, dropout=0.2, corrupt=0.1, sigma=41, eta=31, adversary=LYING).claim
    said = ["200 of 1000 clients drop", "100 collude with a malicious server", "<= 2^-31", "<= 2^-61"]
    assert all(part in lying for part in said)
    assert "sight" not in lying
    honest = choose(1000, dropout=0.2, corrupt=0.1, sigma=41).claim
    assert "sight" in honest
    assert "<= 2^-41" in honest
    complete_claim = choose(20, dropout=0.2, corrupt=0.1).claim
    assert complete_claim.count("probability <= 0") == 2
    assert "sight" not in complete_claim


@pytest.mark.parametrize("clients", [51, 100, 1000, 4096])
def test_a_malicious_server_that_sees_the_graph_cannot_split_the_sum(clients):
    found = choose(clients, dropout=0.1, corrupt=0.1, adversary=LYING)
    table = harary_parameters(Setting(clients=clients, dropout=0.1, corrupt=0.1, adversary=LYING))
    assert found.survives_cuts
    assert not table.survives_cuts
    assert found.sigma == table.sigma + GRINDING_BITS


def test_the_edge_of_a_cut_sees_half_its_neighbours_and_colluders():
    """Seating colluders at random, an edge reaches the table's threshold now and then, the cut's never."""
    clients, rng = 200, np.random.default_rng(0)
    table = harary_parameters(Setting(clients=clients, dropout=0.1, corrupt=0.2, sigma=8, adversary=LYING))
    half = table.neighbours // 2
    seats = np.array([rng.permutation(clients)[: clients // 5] for _ in range(2000)])
    corrupt = np.zeros((2000, clients), dtype=int)
    np.put_along_axis(corrupt, seats, 1, axis=1)
    around = np.concatenate((corrupt, corrupt[:, : half - 1]), axis=1).cumsum(axis=1)
    runs = around[:, half:] - around[:, :-half]
    assert half + runs.max() >= table.threshold
    assert half + runs.max() < cut_threshold(table, table.neighbours)


def test_counts_are_not_lost_to_rounding():
    found = Setting(clients=100, dropout=0.29, corrupt=0.29)
    assert found.dropouts == found.colluders == 29
    assert Setting(clients=300, dropout=0.1, corrupt=1 / 3).colluders == 100


@pytest.mark.parametrize(
    ("fields", "error", "advice"),
    [
        ({"clients": 2}, ProtocolError, "use 3 to"),
        ({"clients": 10**7}, ProtocolError, "use 3 to"),
        ({"dropout": 1.0}, ProtocolError, "give fractions"),
        ({"corrupt": -0.1}, ProtocolError, "give fractions"),
        ({"corrupt": math.nan}, ProtocolError, "give fractions"),
        ({"sigma": 0}, ProtocolError, "use about 40 and 30"),
        ({"eta": 257}, ProtocolError, "use about 40 and 30"),
        ({"dropout": 0.5, "corrupt": 0.41}, InfeasibleError, "lower one"),
        ({"dropout": 0.41, "adversary": LYING}, InfeasibleError, "lower one"),
        ({"clients": 30, "dropout": 0.34}, InfeasibleError, "lower dropout below"),
        ({"clients": 30, "corrupt": 0.67}, InfeasibleError, "lower corrupt below"),
        ({"clients": 30, "corrupt": 0.4, "adversary": LYING}, InfeasibleError, "lower corrupt below"),
    ],
    ids=str,
)
def test_refusals(fields, error, advice):
    with pytest.raises(error, match=advice):
        choose(**{"clients": 100, "dropout": 0.1, "corrupt": 0.1} | fields)


@pytest.mark.parametrize(("clients", "rate"), [(3, 0.1), (10, 0.45)])
def test_some_small_rounds_have_no_sparse_graph(clients, rate):
    with pytest.raises(InfeasibleError, match="lower dropout or corrupt"):
        harary_parameters(Setting(clients=clients, dropout=rate, corrupt=rate))


def test_limits_are_within_reach():
    assert choose(30, dropout=0.2, corrupt=0.64).threshold == 21
    assert choose(1000, dropout=0.2, corrupt=0.7).threshold
    assert choose(1000, dropout=0.4, corrupt=0.1, adversary=LYING).threshold


def test_parameters_do_not_change():
    with pytest.raises(FrozenInstanceError):
        choose(10, dropout=0.1, corrupt=0.1).threshold = 1


def test_large_rounds_take_no_minutes():
    start = perf_counter()
    choose(100_000, dropout=0.33, corrupt=0.33)
    assert perf_counter() - start < 10
