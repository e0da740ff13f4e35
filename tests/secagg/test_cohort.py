"""What follows from configuration and directory: order, graph, holders; the same for all parties."""

import time

import pytest

import secagg.cohort
from secagg.cohort import Cohort
from tests.secagg.rounds import MALICIOUS, MORE, Round, config


def cohort(count, **changes):
    return Round(MORE[:count], **changes).to("directory").server.state.cohort


def test_all_parties_have_the_same_one():
    run = Round().to("shares")
    own = [session.state.cohort for session in run.clients.values()]
    assert all(each.header == run.header for each in own)
    assert all(each.graph == run.server.state.cohort.graph for each in own)


def test_on_the_complete_graph_each_holds_a_share_of_everybody():
    found = cohort(5)
    assert found.complete
    for place, name in enumerate(MORE[:5], start=1):
        assert found.point(name) == place
        assert found.holders(name) == MORE[:5]
        assert found.peers(name) == tuple(other for other in MORE[:5] if other != name)
        assert name in found
    assert "zoe" not in found


def test_on_a_sparse_graph_the_owner_keeps_none():
    found = cohort(9, neighbours=4)
    assert not found.complete
    for name in MORE[:9]:
        assert found.holders(name) == found.peers(name)
        assert len(found.peers(name)) == 4
        assert name not in found.holders(name)


def test_the_graph_follows_from_all_keys():
    rings = {cohort(9, neighbours=4).graph.ring for _ in range(5)}
    assert len(rings) == 5


def test_the_seed_is_slow_against_a_malicious_server_only(monkeypatch):
    """A server that tries subsets of the clients until the graph suits it pays for each."""
    slow = Cohort(
        config(adversary=MALICIOUS, neighbours=4), Round(MORE[:9], threshold=5).to("directory").directory
    )
    fast = Cohort(config(neighbours=4), slow.directory)
    monkeypatch.setattr(secagg.cohort, "Scrypt", pytest.fail)
    assert fast.graph
    monkeypatch.undo()
    start = time.perf_counter()
    assert slow.graph.ring != fast.graph.ring
    assert time.perf_counter() - start > 0.005


@pytest.mark.parametrize("change", [{"round": 6}, {"context": bytes(32)}], ids=["round", "model"])
def test_another_round_with_the_same_keys_has_another_graph(change):
    keys = Round(MORE[:9], threshold=5).to("directory").directory.keys
    graphs = {
        Cohort(each, secagg.cohort.Directory(each.header, MORE[:9], keys)).graph.ring
        for each in (config(neighbours=4), config(neighbours=4, **change))
    }
    assert len(graphs) == 2
