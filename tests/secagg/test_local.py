"""A whole round in one call after the other, as audits and examples use it."""

import numpy as np
import pytest

from gradveil.exchange import TooFewClientsError
from secagg import (
    SERVER,
    AbortedError,
    Adversary,
    FixedPoint,
    LocalRound,
    OutOfOrderError,
    ProtocolError,
    TamperedError,
    choose,
)
from secagg.unmasking import Rebuilder
from tests.secagg.rounds import (
    CONTEXT,
    ENCODING,
    LENGTH,
    MALICIOUS,
    MORE,
    NAMES,
    assert_exact,
    vector,
    weight,
)

ADVERSARIES = pytest.mark.parametrize("adversary", list(Adversary), ids=str)


ENDED = (TooFewClientsError, AbortedError)


def new_round(count, **changes):
    return LocalRound(MORE[:count], ENCODING, LENGTH, context=CONTEXT, **changes)


def play(run, names, before_sharing=(), before_answering=()):
    """Run to the end with the vectors of these names."""
    run.share_keys(absent=before_sharing)
    for name in names:
        assert run.submit(run.mask(name, vector(name), weight(name))) == name
    return run.unmask(absent=before_answering)


@ADVERSARIES
def test_the_sum_is_exact(adversary):
    assert_exact(play(new_round(4, adversary=adversary), NAMES), NAMES)


@ADVERSARIES
def test_clients_may_vanish_at_each_step(adversary):
    run = new_round(8, adversary=adversary, threshold=5)
    assert_exact(play(run, MORE[:6], before_sharing=[MORE[7]], before_answering=["ann"]), MORE[:6])


@ADVERSARIES
def test_too_many_lost_before_sharing(adversary):
    with pytest.raises(ENDED, match="not 3"):
        new_round(4, adversary=adversary).share_keys(absent=["ann", "bob"])


@ADVERSARIES
def test_too_many_lost_before_masking(adversary):
    with pytest.raises(ENDED, match="not 3"):
        play(new_round(4, adversary=adversary), NAMES[:2])


@ADVERSARIES
def test_too_many_lost_before_answering(adversary):
    with pytest.raises(ENDED, match=r"needed|not 3"):
        play(new_round(4, adversary=adversary), NAMES, before_answering=["ann", "bob"])


@ADVERSARIES
def test_everybody_lost_before_answering(adversary):
    with pytest.raises(ENDED, match=r"needed|not 3"):
        play(new_round(4, adversary=adversary), NAMES, before_answering=NAMES)


@ADVERSARIES
def test_a_wrong_share_is_not_a_lack_of_clients(adversary, monkeypatch):
    monkeypatch.setattr(Rebuilder, "_is_genuine", lambda *_: False)
    with pytest.raises((TamperedError, AbortedError), match="'ann'"):
        play(new_round(4, adversary=adversary), NAMES)
    with pytest.raises((TamperedError, AbortedError), match="'ann'"):
        play(new_round(4, adversary=adversary), NAMES, before_answering=["dan"])


def test_parameters_may_be_chosen():
    clients = [f"client-{number:02d}" for number in range(60)]
    parameters = choose(60, dropout=0.1, corrupt=0.05)
    assert not parameters.complete
    run = LocalRound(clients, FixedPoint(2.0, 60, 100), LENGTH, context=CONTEXT, parameters=parameters)
    assert_exact(play(run, clients[:56]), clients[:56], FixedPoint(2.0, 60, 100))
    complete = choose(4, dropout=0.1, corrupt=0.05)
    assert_exact(play(new_round(4, parameters=complete), NAMES), NAMES)


def test_all_messages_are_recorded_in_order():
    run = new_round(4)
    run.share_keys(absent=["dan"])
    sent = [run.mask(name, vector(name), 1) for name in NAMES[:3]]
    for payload in sent:
        run.submit(payload)
    run.unmask()
    up = [message.sender for message in run.messages if message.receiver == SERVER]
    down = [message.receiver for message in run.messages if message.sender == SERVER]
    assert up == ["ann", "bob", "cid", "dan", *["ann", "bob", "cid"] * 3]
    assert down == ["ann", "bob", "cid", "dan", *["ann", "bob", "cid"] * 2]
    assert [message.payload for message in run.messages if message.payload in sent] == sent


def test_a_malicious_round_has_two_messages_more():
    run = new_round(4, adversary=MALICIOUS)
    play(run, NAMES)
    assert len(run.messages) == 4 * (5 + 4)


def test_time_is_measured_for_each_party():
    run = new_round(3)
    play(run, MORE[:3])
    assert set(run.client_seconds) == set(MORE[:3])
    assert min(run.client_seconds.values()) > 0
    assert run.server_seconds > 0


@pytest.mark.parametrize(("bits", "size"), [(32, 4), (24, 3), (64, 8)])
def test_a_masked_vector_costs_its_bits(bits, size):
    length = 10_000
    encoding = FixedPoint(2.0, 4, 100, bits)
    run = LocalRound(NAMES, encoding, length, context=CONTEXT)
    run.share_keys()
    assert size * length < len(run.mask("ann", np.zeros(length, np.float32), 1)) < size * length + 200


@pytest.mark.parametrize("clients", [("ann", "ann", "bob"), ("ann", "bob", SERVER)])
def test_ambiguous_names_are_refused(clients):
    with pytest.raises(ProtocolError, match="rename"):
        LocalRound(clients, ENCODING, LENGTH, context=CONTEXT)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_clients_are_refused(count):
    with pytest.raises(ENDED, match="3"):
        new_round(count).share_keys()


def test_a_low_threshold_is_refused():
    with pytest.raises((ProtocolError, *ENDED), match="no majority"):
        new_round(4, threshold=2).share_keys()


def test_strangers_are_refused():
    run = new_round(3)
    with pytest.raises(ProtocolError, match="'eve'"):
        run.mask("eve", vector("eve"), 1)
    with pytest.raises(ProtocolError, match="'eve'"):
        run.share_keys(absent=["eve"])


def test_steps_have_an_order():
    run = new_round(3)
    with pytest.raises(OutOfOrderError):
        run.mask("ann", vector("ann"), 1)
    with pytest.raises(AbortedError, match="half-way"):
        run.unmask()
    run.share_keys()
    with pytest.raises(OutOfOrderError):
        run.share_keys()


def test_a_vector_is_taken_once():
    run = new_round(3)
    run.share_keys()
    sent = run.mask("ann", vector("ann"), 1)
    run.submit(sent)
    with pytest.raises(ProtocolError, match="drop the second"):
        run.submit(sent)
    with pytest.raises(OutOfOrderError):
        run.mask("ann", vector("ann"), 1)
