"""A server takes each message once, in its phase, and checks what it rebuilds."""

from dataclasses import replace

import numpy as np
import pytest

from gradveil.exchange import TooFewClientsError, WireError
from secagg import FixedPoint, OverflowRefusedError, ProtocolError, TamperedError, TooFewSharesError
from secagg.messages import EncryptedShares, MaskedInput, Roster, UnmaskShares
from tests.secagg.rounds import ENCODING, LENGTH, NAMES, Round, exact_sum, weight

PHASES = ("advertised", "rostered", "routed", "summed")
STEPS = {
    "receive_keys": "advertised",
    "close_keys": "advertised",
    "receive_shares": "rostered",
    "close_shares": "rostered",
    "receive_input": "routed",
    "close_inputs": "routed",
    "receive_unmask": "summed",
    "finish": "summed",
}
SENT = {
    "receive_keys": "keys",
    "receive_shares": "shares",
    "receive_input": "inputs",
    "receive_unmask": "answers",
}
DONOR = Round().answered()


def header_of(run):
    return Roster.from_bytes(run.roster, run.config.header).header_after


@pytest.mark.parametrize(
    ("phase", "step"),
    [(phase, step) for phase in (*PHASES, "finished") for step in STEPS if STEPS[step] != phase],
)
def test_a_step_belongs_to_one_phase(phase, step):
    server = finished().server if phase == "finished" else getattr(Round(), phase)().server
    arguments = [getattr(DONOR, SENT[step])["ann"]] if step in SENT else []
    with pytest.raises(ProtocolError, match="keep the order"):
        getattr(server, step)(*arguments)


def finished():
    run = Round().answered()
    for answer in run.answers.values():
        run.server.receive_unmask(answer)
    run.aggregate = run.server.finish()
    return run


def test_the_sum_is_exact():
    aggregate = finished().aggregate
    assert aggregate.ring_total.tolist() == exact_sum(NAMES)
    assert aggregate.total[-1] == sum(map(weight, NAMES))
    assert aggregate.survivors == set(NAMES)


def test_the_order_of_arrival_is_irrelevant():
    run = Round().masked()
    for name in reversed(NAMES):
        run.server.receive_input(run.inputs[name])
    dead = run.server.close_inputs()
    for name in ("cid", "dan", "ann"):
        run.server.receive_unmask(run.clients[name].unmask(dead))
    assert run.server.finish().ring_total.tolist() == exact_sum(NAMES)


@pytest.mark.parametrize(
    ("phase", "step"),
    [
        ("advertised", "receive_keys"),
        ("shared", "receive_shares"),
        ("masked", "receive_input"),
        ("answered", "receive_unmask"),
    ],
)
class TestReceive:
    def payload(self, run, step):
        return getattr(run, SENT[step])["ann"]

    def test_a_second_message_is_refused(self, phase, step):
        run = getattr(Round(), phase)()
        getattr(run.server, step)(self.payload(run, step))
        with pytest.raises(ProtocolError, match="drop the second"):
            getattr(run.server, step)(self.payload(run, step))

    def test_a_damaged_message_may_be_sent_again(self, phase, step):
        run = getattr(Round(), phase)()
        with pytest.raises(WireError):
            getattr(run.server, step)(self.payload(run, step)[:-1])
        getattr(run.server, step)(self.payload(run, step))

    def test_a_message_of_another_round_is_refused(self, phase, step):
        run, other = getattr(Round(), phase)(), getattr(Round(round=6), phase)()
        with pytest.raises(ProtocolError, match="start a new round"):
            getattr(run.server, step)(self.payload(other, step))


class TestClose:
    def test_too_few_keys(self):
        run = Round().advertised()
        for name in ("ann", "bob"):
            run.server.receive_keys(run.keys[name])
        with pytest.raises(TooFewClientsError, match="2 clients left, 3 needed"):
            run.server.close_keys()
        run.server.receive_keys(run.keys["cid"])
        assert run.server.close_keys()

    def test_too_few_shares(self):
        run = Round().shared()
        for name in ("ann", "bob"):
            run.server.receive_shares(run.shares[name])
        with pytest.raises(TooFewClientsError, match="2 clients left, 3 needed"):
            run.server.close_shares()

    def test_too_few_inputs(self):
        run = Round().masked()
        for name in ("ann", "bob"):
            run.server.receive_input(run.inputs[name])
        with pytest.raises(TooFewClientsError, match="2 clients left, 3 needed"):
            run.server.close_inputs()

    def test_two_survivors_are_too_few_even_above_the_threshold(self):
        run = Round(names=("ann", "bob", "cid"), threshold=2).masked()
        for name in ("ann", "bob"):
            run.server.receive_input(run.inputs[name])
        with pytest.raises(TooFewClientsError, match="2 clients left, 3 needed"):
            run.server.close_inputs()

    def test_too_few_answers_and_then_enough(self):
        run = Round().answered()
        for name in ("ann", "bob"):
            run.server.receive_unmask(run.answers[name])
        with pytest.raises(TooFewSharesError, match="2 clients answered, 3 needed"):
            run.server.finish()
        run.server.receive_unmask(run.answers["dan"])
        assert run.server.finish().ring_total.tolist() == exact_sum(NAMES)

    def test_more_clients_than_the_ring_holds(self):
        run = Round(encoding=FixedPoint(2.0, 3, 100)).advertised()
        for name in NAMES[:3]:
            run.server.receive_keys(run.keys[name])
        with pytest.raises(OverflowRefusedError, match="max_clients"):
            run.server.receive_keys(run.keys["dan"])


def test_shares_must_go_to_each_other_client():
    run = Round().shared()
    message = EncryptedShares.from_bytes(run.shares["ann"], header_of(run))
    for sealed in (message.sealed[1:], (("ann", b"x" * 94), *message.sealed)):
        with pytest.raises(ProtocolError, match="one share to each"):
            run.server.receive_shares(replace(message, sealed=sealed).to_bytes())


def test_a_vector_from_a_client_without_shared_keys_is_refused():
    run = Round().shared()
    for name in ("ann", "bob", "cid"):
        run.server.receive_shares(run.shares[name])
    run.server.close_shares()
    stray = MaskedInput(header_of(run), "dan", np.zeros(LENGTH + 1, ENCODING.dtype))
    with pytest.raises(ProtocolError, match="next round"):
        run.server.receive_input(stray.to_bytes())


def test_an_answer_from_a_dead_client_is_refused():
    run = Round().answered(("ann", "bob", "cid"))
    stray = UnmaskShares.from_bytes(run.answers["ann"], header_of(run))
    with pytest.raises(ProtocolError, match="next round"):
        run.server.receive_unmask(replace(stray, client="dan").to_bytes())


def test_an_answer_must_cover_each_client():
    run = Round().answered()
    message = UnmaskShares.from_bytes(run.answers["ann"], header_of(run))
    with pytest.raises(ProtocolError, match="one share of each"):
        run.server.receive_unmask(replace(message, shares=message.shares[1:]).to_bytes())


@pytest.mark.parametrize("owner", ["bob", "dan"], ids=["seed", "mask key"])
def test_a_wrong_share_is_noticed(owner):
    run = Round().answered(("ann", "bob", "cid"))
    message = UnmaskShares.from_bytes(run.answers["ann"], header_of(run))
    wrong = tuple((name, b"\0" * 33 if name == owner else share) for name, share in message.shares)
    run.server.receive_unmask(replace(message, shares=wrong).to_bytes())
    for name in ("bob", "cid"):
        run.server.receive_unmask(run.answers[name])
    with pytest.raises(TamperedError, match=f"{owner!r} is not its own"):
        run.server.finish()


def test_a_damaged_weight_is_noticed():
    run = Round().masked()
    message = MaskedInput.from_bytes(run.inputs["ann"], header_of(run), LENGTH, ENCODING)
    ring = message.ring.copy()
    ring[-1:] += 2**30  # on an array: sums on the ring wrap without a warning
    for payload in (replace(message, ring=ring).to_bytes(), run.inputs["bob"], run.inputs["cid"]):
        run.server.receive_input(payload)
    dead = run.server.close_inputs()
    for name in ("ann", "bob", "cid"):
        run.server.receive_unmask(run.clients[name].unmask(dead))
    with pytest.raises(TamperedError, match="weights do not add up"):
        run.server.finish()


def test_the_server_keeps_no_masked_vector():
    run = Round().masked()
    before = {id(value) for value in vars(run.server._state).values()}
    run.server.receive_input(run.inputs["ann"])
    assert {id(value) for value in vars(run.server._state).values()} == before
    assert run.server._state.survivors == {"ann"}
