"""Exact sums for every pattern of dropouts up to the tolerance, a clear end beyond it."""

from concurrent.futures import ThreadPoolExecutor
from itertools import chain, combinations, combinations_with_replacement, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import secagg.cohort
import secagg.server
from gradveil.exchange import GradveilError
from secagg import Adversary, Contribute, FixedPoint, Server, ServerSession, default_threshold
from secagg.noise import DiscreteGaussianNoise
from tests.secagg.rounds import (
    LENGTH,
    MALICIOUS,
    MORE,
    NAMES,
    Round,
    assert_exact,
    phases_of,
    vector,
    weight,
)

ADVERSARIES = pytest.mark.parametrize("adversary", list(Adversary), ids=str)
STAY = "stay"


def subsets(names):
    return chain.from_iterable(combinations(names, size) for size in range(len(names) + 1))


def left_by(pattern, phase):
    return {name for name, when in zip(MORE, pattern, strict=False) if when == phase}


def survives(pattern, threshold, adversary):
    """Whether a round on the complete graph has a result, from the counts alone."""
    present = len(pattern)
    for phase in phases_of(adversary):
        present -= sum(when == phase for when in pattern)
        least = threshold if phase == "answers" else max(threshold, 3)
        if present < least:
            return False
    return True


def check(pattern, adversary, **changes):
    """Play one pattern: a name leaves before it says what its entry names."""
    threshold = changes.setdefault("threshold", default_threshold(len(pattern)))
    absent = {phase: left_by(pattern, phase) for phase in phases_of(adversary)}
    run = Round(MORE[: len(pattern)], absent, adversary=adversary, **changes)
    ended = run.play()
    assert not run.refused, pattern
    if survives(pattern, threshold, adversary):
        gone = absent["keys"] | absent["shares"] | absent["vectors"]
        assert_exact(ended, [name for name in MORE[: len(pattern)] if name not in gone])
    else:
        assert isinstance(ended, str), pattern
        assert any(word in ended for word in ("needed", "hold a secret", "not 3", "not in 3")), ended


@pytest.mark.parametrize(("count", "adversary"), [(3, MALICIOUS), (3, "semi-honest"), (4, "semi-honest")])
def test_every_pattern_of_every_client(count, adversary):
    adversary = Adversary(adversary)
    for pattern in product([STAY, *phases_of(adversary)], repeat=count):
        check(pattern, adversary)


@pytest.mark.slow
@pytest.mark.parametrize(("count", "adversary"), [(4, MALICIOUS), (5, "semi-honest")])
def test_every_pattern_of_more_clients(count, adversary):
    adversary = Adversary(adversary)
    for pattern in product([STAY, *phases_of(adversary)], repeat=count):
        check(pattern, adversary)


@ADVERSARIES
@pytest.mark.parametrize("count", [4, 5, 6])
def test_every_subset_at_every_phase(count, adversary):
    for phase in phases_of(adversary):
        for lost in subsets(MORE[:count]):
            check([phase if name in lost else STAY for name in MORE[:count]], adversary)


@pytest.mark.parametrize(("count", "adversary"), [(4, MALICIOUS), (5, "semi-honest"), (6, "semi-honest")])
def test_every_number_lost_at_each_phase(count, adversary):
    adversary = Adversary(adversary)
    for pattern in combinations_with_replacement([STAY, *phases_of(adversary)], count):
        check(pattern, adversary)


@ADVERSARIES
@pytest.mark.parametrize("phase", ["keys", "shares"])
@pytest.mark.parametrize("lost", MORE[:4])
def test_one_client_lost_at_set_up_never_loses_the_round(adversary, phase, lost):
    check([phase if name == lost else STAY for name in MORE[:4]], adversary)


@ADVERSARIES
@settings(max_examples=25)
@given(data=st.data(), bits=st.sampled_from([24, 32, 47, 64]))
def test_larger_rounds(adversary, data, bits):
    count = data.draw(st.integers(7, 11))
    pattern = data.draw(
        st.lists(st.sampled_from([STAY] * 9 + phases_of(adversary)), min_size=count, max_size=count)
    )
    threshold = default_threshold(count)
    absent = {phase: left_by(pattern, phase) for phase in phases_of(adversary)}
    encoding = FixedPoint(2.0, 16, 100, bits)
    ended = Round(MORE[:count], absent, adversary=adversary, threshold=threshold, encoding=encoding).play()
    if survives(pattern, threshold, adversary):
        gone = absent["keys"] | absent["shares"] | absent["vectors"]
        assert_exact(ended, [name for name in MORE[:count] if name not in gone], encoding)
    else:
        assert isinstance(ended, str)


@ADVERSARIES
@pytest.mark.parametrize("count", [4, 5, 6])
def test_as_many_as_the_tolerance_may_vanish_in_turn_and_no_more(count, adversary):
    threshold = default_threshold(count)
    tolerated = count - threshold
    phases = phases_of(adversary)[1:]
    turns = [phases[index % len(phases)] for index in range(tolerated)]
    check([*turns, *[STAY] * threshold], adversary)
    check([*turns, "answers", *[STAY] * (threshold - 1)], adversary)


class TestSparse:
    """Neighbours only: a client needs `threshold` of them, and the round does not need it."""

    COUNT, NEIGHBOURS = 8, 4

    @pytest.fixture(autouse=True)
    def fast_seed(self, monkeypatch):
        monkeypatch.setattr(secagg.cohort, "_SLOW_COST", 2)

    def outcome(self, run):
        """Who is in the sum, or None; from the graph and the absences, by other means than the code."""
        graph, needed = run.cohort.graph, run.config.threshold
        peers = {name: set(graph.neighbours_of(name)) for name in graph.clients}
        shared = set(graph.clients) - run.absent.get("shares", set())
        ready = {name for name in shared if len(peers[name] & shared) >= needed}
        masked = ready - run.absent.get("vectors", set())
        hearing = {name for name in masked if len(peers[name] & masked) >= needed}
        if run.malicious:
            confirmed = hearing - run.absent.get("confirmations", set())
            hearing = {name for name in confirmed if len(peers[name] & confirmed) >= needed}
            if len(confirmed) < 3:
                return None
        answering = hearing - run.absent.get("answers", set())
        asked = masked | {name for name in shared - masked if peers[name] & masked}
        if len(shared) < 3 or len(masked) < 3 or any(len(peers[name] & answering) < needed for name in asked):
            return None
        return masked

    def check(self, adversary, absent, threshold):
        # All advertise, so that the graph is known before clients vanish.
        names = MORE[: self.COUNT]
        run = Round(names, absent, adversary=adversary, threshold=threshold, neighbours=self.NEIGHBOURS)
        run.to("directory")
        run.cohort = run.server.state.cohort
        expected, ended = self.outcome(run), run.play()
        if expected is None:
            assert isinstance(ended, str)
            assert "needed" in ended or "not 3" in ended
        else:
            assert_exact(ended, sorted(expected))
        return expected

    @pytest.mark.parametrize(
        ("adversary", "phase"),
        [(adversary, phase) for adversary in Adversary for phase in phases_of(adversary)[1:]],
    )
    def test_every_one_or_two_lost_at_each_phase(self, adversary, phase):
        found = [
            self.check(adversary, {phase: set(lost)}, threshold=3)
            for lost in subsets(MORE[: self.COUNT])
            if len(lost) <= 2
        ]
        # One lost neighbour of four is tolerated, two are not; nobody is the neighbour of everybody.
        assert None not in found[: 1 + self.COUNT]

    @ADVERSARIES
    @settings(max_examples=30)
    @given(data=st.data())
    def test_any_pattern(self, adversary, data):
        names = st.sets(st.sampled_from(MORE[: self.COUNT]), max_size=3)
        absent = {phase: data.draw(names) for phase in phases_of(adversary)[1:]}
        self.check(adversary, absent, threshold=3)

    def test_a_low_threshold_tolerates_two_of_four_neighbours(self):
        for lost in subsets(MORE[: self.COUNT]):
            if len(lost) <= 2:
                assert self.check(Adversary.SEMI_HONEST, {"vectors": set(lost)}, threshold=2)

    def test_masks_between_two_dead_clients_are_not_rebuilt(self, monkeypatch):
        removed, original = [], secagg.server.remove_masks

        def remove(total, masks, *rest):
            removed.extend(masks)
            original(total, masks, *rest)

        monkeypatch.setattr(secagg.server, "remove_masks", remove)
        run = Round(MORE[:8], {"vectors": {"ann", "bob"}}, threshold=2, neighbours=4).to("directory")
        peers = run.server.state.cohort.peers
        run.play()
        pairs = sum(len(set(peers(name)) - {"ann", "bob"}) for name in ("ann", "bob"))
        assert len(removed) == 6 + pairs

    def test_a_dead_client_without_living_neighbours_needs_nobody(self):
        run = Round(MORE[:11], threshold=2, neighbours=4).to("directory")
        near, gone, dead, also, beside = run.server.state.cohort.graph.ring[:5]
        run.absent = {"shares": {gone, also}, "vectors": {near, dead, beside}}
        alive = set(MORE[:11]) - {near, gone, dead, also, beside}
        assert_exact(run.play(), sorted(alive))


@pytest.mark.parametrize("neighbours", [4, 6])
def test_so_many_neighbours_make_the_graph_complete(neighbours):
    run = Round(MORE[:5], {"vectors": {"eva"}}, threshold=4, neighbours=neighbours)
    assert run.to("directory").server.state.cohort.complete
    assert_exact(run.play(), MORE[:4])


def test_a_sparse_graph_against_a_malicious_server_at_full_cost():
    names = MORE[:7]
    run = Round(names, {"vectors": {"gil"}}, adversary=MALICIOUS, threshold=3, neighbours=4)
    assert_exact(run.play(), names[:6])


def test_counters_are_summed_beside_the_vector():
    run = Round(counters=2).to("ready")
    run.sent["vectors"] = {
        name: session.handle(Contribute(vector(name), weight(name), (number, 7)))[0].payload
        for number, (name, session) in enumerate(run.clients.items())
    }
    survivors = run.deliver("vectors")
    run.sent["answers"] = {name: run.clients[name].handle(survivors[name])[0].payload for name in survivors}
    run.deliver("answers")
    assert run.server.state.aggregate.counters == (0 + 1 + 2 + 3, 28)


def test_masks_may_be_removed_by_workers():
    with ThreadPoolExecutor(2) as executor:
        run = Round(MORE[:5], {"vectors": {"eva"}})
        run.server = ServerSession(Server(run.config, expects=5, executor=executor, workers=2))
        assert_exact(run.play(), MORE[:4])


class TestNoise:
    """Each client adds its part of the noise; the weight is 1 for everybody."""

    NOISE = DiscreteGaussianNoise.for_(
        8, 12, length=LENGTH, clip_norm=10.0, sigma=0.05, survivors_min=3, delta=1e-5
    )

    def run(self, **changes):
        return Round(encoding=self.NOISE.encoding, noise=self.NOISE, **changes)

    @ADVERSARIES
    def test_a_noisy_sum_is_near_and_not_exact(self, adversary, monkeypatch):
        monkeypatch.setattr("tests.secagg.rounds.weight", lambda _: 1)
        aggregate = self.run(absent={"vectors": {"dan"}}, adversary=adversary).play()
        error = aggregate.total[:-1] - np.sum([vector(name) for name in NAMES[:3]], axis=0)
        assert aggregate.total[-1] == 3
        assert 0 < np.abs(error).max() < 10 * 0.05 + 3 * self.NOISE.encoding.step

    def test_another_weight_is_refused(self):
        client = self.run().to("ready").clients["ann"]
        with pytest.raises(GradveilError):
            client.handle(Contribute(vector("ann"), 2))
