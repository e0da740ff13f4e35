"""Every fault on its own: the exact sum of the survivors, or a clear end."""

import pytest

from secagg import SERVER
from secagg.phases import Phase
from secagg.simulation import Fate, Faults, Pace
from tests.secagg.simulated import (
    FIRST,
    MALICIOUS,
    NAMES,
    OTHERS,
    both,
    errors,
    fates,
    play,
    require_exact,
    require_exact_or_aborted,
)


@both
@pytest.mark.parametrize("phase", Phase)
def test_two_clients_may_vanish_at_any_phase(adversary, phase):
    report = play(adversary, Faults(gone={FIRST: phase, OTHERS[0]: phase}))
    require_exact(report)
    early = phase in (Phase.ADVERTISE, Phase.SHARE, Phase.MASK)
    assert report.aggregate.survivors == set(NAMES[2:] if early else NAMES)
    assert [end for end in report.endings.values() if end == "answered"] == ["answered"] * 6


@both
@pytest.mark.parametrize("phase", Phase)
def test_a_third_that_vanishes_ends_the_round_with_a_reason(adversary, phase):
    report = play(adversary, Faults(gone=dict.fromkeys(NAMES[:3], phase)))
    assert report.aggregate is None
    assert "needed" in report.reason or "neighbours" in report.reason
    heard = {report.endings[name] for name in NAMES[3:]}
    assert heard == ({"answered"} if "shares of" in report.reason else {report.reason})


def test_a_client_that_is_gone_says_nothing():
    report = play(faults=Faults(gone={FIRST: Phase.MASK}))
    assert report.said(FIRST) == ("advertise", "shares")
    assert report.endings[FIRST] == "vanished in phase mask"


def test_a_certain_drop_takes_everybody():
    report = play(faults=Faults(drop={Phase.MASK: 1.0}))
    assert report.reason.startswith("0 clients")
    assert {end for end in report.endings.values()} == {"vanished in phase mask"}


def test_lost_messages_make_dropouts():
    report = play(faults=Faults(lose=0.2, strikes=[Phase.MASK]), seed=3)
    require_exact(report)
    lost = {message.sender for message in report.messages if Fate.LOST in message.fates}
    lost |= {message.receiver for message in report.messages if Fate.LOST in message.fates}
    assert report.aggregate.survivors == set(NAMES) - lost < set(NAMES)


def test_a_late_vector_is_refused_and_its_client_drops_out():
    faults = Faults(delay=0.2, lateness=1e6, strikes=[Phase.UNMASK, Phase.MASK])
    report = play(faults=faults, seed=3)
    require_exact_or_aborted(report)
    assert "OutOfOrderError" in errors(report)
    assert Fate.LATE in fates(report)


@both
def test_a_second_copy_changes_nothing(adversary):
    report = play(adversary, Faults(duplicate=1.0))
    require_exact(report)
    assert report.aggregate.survivors == set(NAMES)
    assert errors(report) <= {"ProtocolError", "OutOfOrderError"}
    assert set(report.endings.values()) == {"answered"}


@both
def test_the_order_of_arrivals_changes_nothing(adversary):
    report = play(adversary, Faults(reorder=1.0), seed=1)
    require_exact(report)
    assert report.aggregate.survivors == set(NAMES)
    assert fates(report) == {Fate.SWAPPED}


def test_a_transport_that_checks_drops_what_is_damaged():
    report = play(faults=Faults(corrupt=0.1, strikes=[Phase.MASK]), seed=2)
    require_exact(report)
    assert fates(report) == {Fate.DAMAGED}
    assert report.refusals == ()
    assert len(report.aggregate.survivors) < len(NAMES)


def test_a_good_copy_counts_after_a_damaged_one():
    faults = Faults(corrupt=1.0, duplicate=1.0, strikes=[Phase.ADVERTISE, Phase.MASK])
    report = play(MALICIOUS, faults, checked=False, pace=Pace(latency=(0.1, 0.1)))
    require_exact_or_aborted(report)
    assert errors(report, SERVER) & {"WireError", "SignatureError", "ProtocolError"}
