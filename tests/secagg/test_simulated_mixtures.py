"""Mixed faults, bits that flip and a server that lies: the exact sum of the survivors or none."""

from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secagg import SERVER
from secagg.phases import Phase
from secagg.simulation import Fate, Faults
from tests.secagg.simulated import (
    FIRST,
    HONEST,
    MALICIOUS,
    NAMES,
    both,
    config,
    errors,
    fates,
    play,
    require_exact,
    require_exact_or_aborted,
)


@both
@settings(max_examples=40)
@given(data=st.data())
def test_any_mixture_gives_the_exact_sum_or_none(adversary, data):
    rate = st.sampled_from([0.0, 0.02, 0.1, 0.3])
    kinds = ("lose", "delay", "duplicate", "reorder", "corrupt")
    rates = {kind: data.draw(rate, label=kind) for kind in kinds}
    gone = data.draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(Phase), max_size=3))
    sparse = partial(config, threshold=3, neighbours=4)
    graph = data.draw(st.sampled_from([config, sparse]), label="graph")
    seed = data.draw(st.integers(0, 2**32), label="seed")
    report = play(adversary, Faults(gone=gone, **rates), seed, graph)
    require_exact_or_aborted(report)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), flips=st.integers(1, 3), rate=st.sampled_from([0.02, 0.1, 0.3]))
def test_flipped_bits_that_reach_the_parties_never_change_the_sum(seed, flips, rate):
    report = play(MALICIOUS, Faults(corrupt=rate, flips=flips), seed)
    require_exact_or_aborted(report)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), rate=st.sampled_from([0.02, 0.1]))
def test_without_signatures_only_masked_vectors_need_a_transport_that_checks(seed, rate):
    phases = [Phase.ADVERTISE, Phase.SHARE, Phase.UNMASK]
    report = play(HONEST, Faults(corrupt=rate, strikes=phases), seed, checked=False)
    require_exact_or_aborted(report)


def test_without_both_a_flipped_bit_is_in_the_sum():
    report = play(HONEST, Faults(corrupt=0.1, strikes=[Phase.MASK]), seed=2, checked=False)
    with pytest.raises(AssertionError):
        require_exact(report)


def test_a_reply_to_a_damaged_name_reaches_nobody():
    report = play(HONEST, Faults(corrupt=0.1), seed=2884, checked=False)
    assert {each.receiver for each in report.messages} - {SERVER, *NAMES}


def test_two_halves_that_are_told_differently_refuse_to_unmask():
    withheld = {name: NAMES[-1:] for name in NAMES[:4]}
    report = play(MALICIOUS, Faults(withheld=withheld))
    assert report.aggregate is None
    assert Fate.TWISTED in fates(report)
    assert errors(report) == {"ProtocolError"}
    caught = [each for each in report.refusals if "4 confirmations, 6 needed" in each.reason]
    assert {each.party for each in caught} == set(NAMES)
    assert not any("unmask" in report.said(name) for name in NAMES)


def test_one_client_that_is_told_otherwise_leaves_and_the_others_go_on():
    report = play(MALICIOUS, Faults(withheld={FIRST: NAMES[-1:]}))
    require_exact(report)
    assert [each.party for each in report.refusals] == [FIRST]
    assert report.endings[FIRST] == "1 confirmations, 6 needed; leave the round"


def test_a_client_that_is_told_it_is_dead_leaves():
    report = play(MALICIOUS, Faults(withheld={FIRST: [FIRST]}))
    require_exact(report)
    assert "the survivors lack this client" in report.endings[FIRST]


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32), rate=st.sampled_from([0.1, 0.5, 1.0]))
def test_a_lying_server_gets_the_exact_sum_or_nothing(seed, rate):
    report = play(MALICIOUS, Faults(equivocate=rate), seed)
    require_exact_or_aborted(report)
    told = [each.receiver for each in report.messages if Fate.TWISTED in each.fates]
    assert set(told) >= {each.party for each in report.refusals if each.party != SERVER} or not told


def test_without_signatures_the_same_lie_is_answered():
    withheld = {name: NAMES[-1:] for name in NAMES[:4]}
    report = play(HONEST, Faults(withheld=withheld))
    assert all("unmask" in report.said(name) for name in NAMES)
