"""Simulated rounds: what is reported, when phases end, and what is refused."""

from functools import partial

import pytest

from secagg import SERVER, Deadline, Floors, ProtocolError
from secagg.phases import Deadlines, Phase, PhasePolicy
from secagg.simulation import Faults, Pace, simulate
from tests.secagg.simulated import (
    FIRST,
    LENGTH,
    MALICIOUS,
    NAMES,
    OTHERS,
    VECTORS,
    WEIGHTS,
    both,
    config,
    errors,
    play,
    require_exact,
)


@both
def test_without_faults_everybody_is_in_the_sum(adversary):
    report = play(adversary)
    require_exact(report)
    assert report.aggregate.survivors == set(NAMES)
    assert set(report.endings.values()) == {"answered"}
    assert report.refusals == ()
    assert 1 < report.duration < 10


@both
def test_each_client_says_one_message_in_each_phase(adversary):
    confirmed = ("confirmation",) if adversary is MALICIOUS else ()
    report = play(adversary)
    for name in NAMES:
        assert report.said(name) == ("advertise", "shares", "masked", *confirmed, "unmask")


def test_bytes_are_counted_in_both_directions():
    report = play(MALICIOUS)
    up, down = report.bytes_up(), report.bytes_down()
    assert sum(up.values()) == sum(map(report.bytes_sent, NAMES))
    assert sum(down.values()) == report.bytes_sent(SERVER)
    assert min(up.values()) > 0
    assert [phase for phase in Phase if not down[phase]] == [Phase.ADVERTISE]
    assert up[Phase.MASK] > 8 * 4 * LENGTH


def test_seconds_are_counted_for_each_party_and_event():
    report = play()
    assert set(report.seconds) == {SERVER, *NAMES}
    assert set(report.seconds[FIRST]) == {"begin", "directory", "routed", "contribute", "survivors"}
    assert all(seconds > 0 for steps in report.seconds.values() for seconds in steps.values())


def test_a_sparse_graph_works_as_well():
    sparse = partial(config, threshold=3, neighbours=4)
    report = play(config=sparse, faults=Faults(gone={FIRST: Phase.MASK}))
    require_exact(report)
    assert report.aggregate.survivors == set(OTHERS)


def test_enough_answers_end_a_phase_before_its_deadline():
    deadlines = Deadlines(mask=PhasePolicy(maximum=6))
    report = play(deadlines=deadlines)
    require_exact(report)
    assert len(report.aggregate.survivors) == 6
    assert report.duration < 10
    assert errors(report, SERVER) == {"OutOfOrderError"}


def test_too_few_answers_at_the_deadline_end_the_round():
    deadlines = Deadlines(mask=PhasePolicy(seconds=30, minimum=7))
    report = play(faults=Faults(gone=dict.fromkeys(NAMES[:2], Phase.MASK)), deadlines=deadlines)
    assert report.reason == "6 clients answered in phase mask, 7 needed; start a new round"
    assert report.duration == pytest.approx(30, abs=1)
    assert {report.endings[name] for name in NAMES[2:]} == {report.reason}


def test_the_server_waits_until_the_deadline_of_its_phase():
    deadlines = Deadlines(mask=PhasePolicy(seconds=1000))
    report = play(faults=Faults(gone={FIRST: Phase.MASK}), deadlines=deadlines)
    require_exact(report)
    assert 1000 < report.duration < 1002


def test_limits_of_the_parties_hold():
    report = play(floors=Floors(min_clients=9))
    assert report.aggregate is None
    assert report.reason.startswith("8 clients, not 9")


def summary(report):
    """All that does not depend on keys and on the speed of this machine."""
    return report.reason, report.messages, report.refusals, report.endings, report.duration


@both
def test_the_seed_decides_what_happens(adversary):
    faults = Faults(drop={Phase.MASK: 0.1}, lose=0.02, delay=0.05, duplicate=0.2, reorder=0.3, corrupt=0.02)
    first, second, other = (summary(play(adversary, faults, seed, checked=True)) for seed in (5, 5, 6))
    assert first == second != other


def test_events_are_shown_in_order_of_time():
    seen = []
    play(faults=Faults(gone={FIRST: Phase.MASK}), watch=lambda *entry: seen.append(entry))
    assert [time for time, *_ in seen] == sorted(time for time, *_ in seen)
    assert [type(event) for _, party, event in seen if party == SERVER].count(Deadline) == 1
    assert sum(isinstance(event, bytes) for _, party, event in seen if party == SERVER) == 8 + 8 + 7 + 7


@pytest.mark.parametrize(
    "changes",
    [
        {"lose": 1.5},
        {"corrupt": -0.1},
        {"drop": {Phase.MASK: 2}},
        {"delay": float("nan")},
        {"flips": 0},
        {"lateness": -1},
    ],
)
def test_impossible_faults_are_refused(changes):
    with pytest.raises(ProtocolError):
        Faults(**changes)


def test_impossible_inputs_are_refused():
    with pytest.raises(ProtocolError, match="'eve'"):
        play(faults=Faults(gone={"eve": Phase.MASK}))
    with pytest.raises(ProtocolError, match="0 <= low <= high"):
        Pace(latency=(2.0, 1.0))
    with pytest.raises(ProtocolError, match="different clients"):
        simulate(config(), VECTORS, {FIRST: 1})
    with pytest.raises(ProtocolError, match="rename"):
        simulate(config(), VECTORS | {SERVER: VECTORS[FIRST]}, WEIGHTS | {SERVER: 1})
