"""The random Harary graph: regular, symmetric, uniform, the same everywhere, and hard to cut."""

import random
from collections import Counter
from itertools import combinations, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from secagg.errors import ProtocolError
from secagg.graph import SEED_BYTES, Graph
from secagg.parameters import Setting, choose, harary_parameters
from secagg.tails import log2_all_marked

SEED = bytes(range(SEED_BYTES))
UNLIKELY = 1e-6
TRIALS = 100


def names(count):
    return [f"client-{number:04}" for number in range(count)]


def seed_of(number):
    return number.to_bytes(SEED_BYTES)


def connected(graph, left):
    """Whether the clients that are left reach each other."""
    seen, waiting = set(), [min(left)]
    while waiting:
        client = waiting.pop()
        if client not in seen:
            seen.add(client)
            waiting.extend(left.intersection(graph.neighbours_of(client)) - seen)
    return seen == left


def removals(parameters, dropped, colluding, trials=TRIALS):
    """New graphs, each with fresh random sets of dropped and of colluding clients."""
    clients, draw = names(parameters.clients), random.Random(1)  # noqa: S311
    for number in range(trials):
        graph = Graph.harary(clients, parameters.neighbours, seed_of(number))
        bad = draw.sample(clients, dropped + colluding)
        yield graph, set(bad[:dropped]), set(bad[dropped:])


@given(st.integers(2, 60), st.integers(1, 70), st.binary(min_size=SEED_BYTES, max_size=SEED_BYTES))
def test_regular_and_symmetric(count, degree, seed):
    graph = Graph.harary(names(count), degree, seed)
    assert graph.degree == (count - 1 if degree % 2 or degree >= count - 1 else degree)
    for client in graph.clients:
        neighbours = graph.neighbours_of(client)
        assert list(neighbours) == sorted(set(neighbours))
        assert len(neighbours) == graph.degree
        assert {peer for peer in graph.clients if graph.are_neighbours(client, peer)} == set(neighbours)
        assert all(client in graph.neighbours_of(peer) and client != peer for peer in neighbours)


@pytest.mark.parametrize("count", [2, 3, 8, 9])
def test_complete(count):
    graph = Graph.complete(reversed(names(count)))
    assert graph.clients == tuple(names(count))
    assert graph.degree == count - 1
    assert all(graph.are_neighbours(*pair) for pair in combinations(graph.clients, 2))
    assert not graph.are_neighbours(graph.clients[0], graph.clients[0])


@pytest.mark.parametrize(("count", "degree"), [(5, 4), (5, 3), (6, 6), (6, 100)])
def test_odd_or_too_many_neighbours_make_it_complete(count, degree):
    assert Graph.harary(names(count), degree, SEED) == Graph.complete(names(count))


def test_known_answer():
    graph = Graph.harary("abcdefgh", 4, SEED)
    assert "".join(graph.ring) == "bcdfaghe"
    assert graph.neighbours_of("a") == ("d", "f", "g", "h")


def test_the_order_of_the_input_does_not_matter():
    clients = names(40)
    shuffled = random.Random(2).sample(clients, len(clients))  # noqa: S311
    assert Graph.harary(clients, 6, SEED) == Graph.harary(shuffled, 6, SEED)
    assert Graph.complete(clients) == Graph.complete(shuffled)


def test_another_seed_gives_another_graph():
    assert Graph.harary(names(40), 6, SEED) != Graph.harary(names(40), 6, seed_of(0))


def test_all_orders_of_the_ring_are_equally_likely():
    counts = Counter(Graph.harary("abcde", 2, seed_of(number)).ring for number in range(12_000))
    assert counts.keys() == set(permutations("abcde"))
    assert stats.chisquare(list(counts.values())).pvalue > UNLIKELY


def test_the_test_of_orders_notices_a_biased_shuffle():
    def biased(number):
        ring, draw = list("abcde"), random.Random(number)  # noqa: S311
        for place in range(len(ring)):
            other = draw.randrange(len(ring))
            ring[place], ring[other] = ring[other], ring[place]
        return tuple(ring)

    counts = Counter(biased(number) for number in range(12_000))
    assert stats.chisquare(list(counts.values())).pvalue < UNLIKELY


def test_every_edge_is_equally_likely():
    clients, degree, trials = names(12), 4, 3000
    graphs = [Graph.harary(clients, degree, seed_of(number)) for number in range(trials)]
    counts = [sum(graph.are_neighbours(*pair) for graph in graphs) for pair in combinations(clients, 2)]
    assert stats.chisquare(counts).pvalue > UNLIKELY


@pytest.mark.parametrize("rate", [0.1, 0.2])
def test_the_promised_rates_leave_it_connected_and_unmaskable(rate):
    found = choose(200, dropout=rate, corrupt=rate)
    for graph, dropped, colluding in removals(found, found.dropouts, found.colluders):
        assert connected(graph, set(graph.clients) - dropped - colluding)
        for client in graph.clients:
            neighbours = set(graph.neighbours_of(client))
            assert len(neighbours & colluding) < found.threshold <= len(neighbours - dropped)


def test_far_higher_rates_cut_it_and_lose_the_sum():
    found = choose(200, dropout=0.1, corrupt=0.1)
    cut = lost = 0
    for graph, dropped, colluding in removals(found, 150, 35):
        cut += not connected(graph, set(graph.clients) - dropped - colluding)
        lost += any(len(set(graph.neighbours_of(c)) - dropped) < found.threshold for c in graph.clients)
    assert cut > TRIALS // 2
    assert lost == TRIALS


@pytest.mark.parametrize(("count", "degree", "bad"), [(10, 4, 4), (10, 4, 5), (12, 4, 6), (12, 6, 7)])
def test_the_bound_on_cuts_holds_for_all_removals(count, degree, bad):
    graph = Graph.harary(names(count), degree, SEED)
    removed = list(combinations(graph.clients, bad))
    cut = sum(not connected(graph, set(graph.clients) - set(gone)) for gone in removed) / len(removed)
    bound = count * (count - degree - 1) / 2 * 2 ** log2_all_marked(count, bad, degree)
    assert bound / 5 < cut <= bound


def test_a_large_graph_is_light():
    graph = Graph.harary(names(4096), 160, SEED)
    for client in graph.clients:
        assert len(graph.neighbours_of(client)) == graph.degree == 160


def test_a_sparse_graph_of_any_parameters_has_their_degree():
    found = harary_parameters(Setting(clients=50, dropout=0.1, corrupt=0.1))
    assert Graph.harary(names(50), found.neighbours, SEED).degree == found.neighbours


@pytest.mark.parametrize(
    ("clients", "degree", "seed", "advice"),
    [
        (["a"], 2, SEED, "wait for more"),
        (["a", "b", "a", "c"], 2, SEED, "rename"),
        (["a", "b", "c"], 0, SEED, "2 or more"),
        (["a", "b", "c"], -2, SEED, "2 or more"),
        (["a", "b", "c"], 2, SEED[:-1], "use 32"),
        (["a", "b", "c"], 2, b"", "use 32"),
    ],
    ids=str,
)
def test_refusals(clients, degree, seed, advice):
    with pytest.raises(ProtocolError, match=advice):
        Graph.harary(clients, degree, seed)


def test_a_stranger_has_no_neighbours():
    graph = Graph.complete("abc")
    with pytest.raises(ProtocolError, match="not in this graph"):
        graph.neighbours_of("d")
    with pytest.raises(ProtocolError, match="not in this graph"):
        graph.are_neighbours("a", "d")
