"""Parties that are stopped between any two events and go on from bytes; bytes that nobody should trust."""

import random
from dataclasses import replace
from itertools import product

import msgpack
import pytest

import secagg.cohort
from gradveil.exchange import GradveilError, WireError
from secagg import Adversary, ClientSession, Closed, Done, ProtocolError, ServerSession
from secagg.snapshots import server_to_bytes
from tests.secagg.rounds import (
    MALICIOUS,
    MORE,
    NAMES,
    Round,
    assert_exact,
    config,
    phases_of,
    restored,
    saved,
)
from tests.secagg.test_damage import edge, extend, flip, length, noise, repeat, splice, truncate
from tests.secagg.test_transitions import CLIENT, SERVER, in_state

ADVERSARIES = pytest.mark.parametrize("adversary", list(Adversary), ids=str)
PATTERNS = [(adversary, phase) for adversary in Adversary for phase in (None, *phases_of(adversary))]


class RestoredClient(ClientSession):
    """Dies after each event and comes back."""

    def handle(self, event):
        said = super().handle(event)
        self.state = restored(self, saved(self))
        return said


class RestoredServer(ServerSession):
    """Dies after each event and comes back."""

    def handle(self, event):
        said = super().handle(event)
        if not isinstance(self.state, Done):
            self.state = restored(self, saved(self))
        return said


class RestoredRound(Round):
    client_session, server_session = RestoredClient, RestoredServer


class RestoredServerRound(Round):
    server_session = RestoredServer


class RestoredClientsRound(Round):
    client_session = RestoredClient


@pytest.mark.parametrize("kind", [RestoredRound, RestoredServerRound, RestoredClientsRound])
@pytest.mark.parametrize(("adversary", "lost"), PATTERNS, ids=str)
def test_a_restored_round_has_the_same_sum(kind, adversary, lost):
    run = kind(NAMES, {lost: {"dan"}}, adversary=adversary)
    aggregate = run.play()
    assert not run.refused
    assert_exact(aggregate, NAMES[:3] if lost in ("keys", "shares", "vectors") else NAMES)


@ADVERSARIES
def test_a_restored_sparse_round_has_the_same_sum(adversary, monkeypatch):
    monkeypatch.setattr(secagg.cohort, "_SLOW_COST", 2)
    run = RestoredRound(MORE[:8], {"vectors": {"bob"}}, adversary=adversary, neighbours=4)
    assert_exact(run.play(), [name for name in MORE[:8] if name != "bob"])


def test_shares_that_did_not_open_stay_so():
    run = Round().to("routed")
    spoiled = run.told["routed"]["ann"][:-1] + bytes([run.told["routed"]["ann"][-1] ^ 1])
    run.clients["ann"].handle(spoiled)
    session = run.clients["ann"]
    for state in (session.state, restored(session, saved(session))):
        assert [name for name, pair in state.shares.items() if pair is None] == ["dan"]


def snapshots():
    """Bytes, and how to read them, of both sides in all states that have bytes."""
    for side, table in (("client", CLIENT), ("server", SERVER)):
        for adversary, rows in table.items():
            for state, step, expected, _ in rows:
                if state != "Done":
                    yield pytest.param(
                        side, adversary, state, step, expected, id=f"{side}-{adversary}-{state}"
                    )


def taken(side, adversary, state, step, expected):
    """A party that has heard part of its phase, and its bytes."""
    run = in_state(adversary, step)
    if side == "client":
        return run.clients["ann"], saved(run.clients["ann"])
    if state == "Closed":
        run.server.abort("stopped")
    for payload in list(run.sent.get(expected, {}).values())[:2]:
        run.server.handle(payload)
    assert type(run.server.state).__name__ == state
    return run.server, saved(run.server)


def written(session, state):
    """What these bytes would be written as again."""
    session.state = state
    return saved(session)


def assert_strict(session, data):
    """A typed error, or a state with exactly these bytes."""
    try:
        state = restored(session, data)
    except GradveilError:
        return
    assert written(session, state) == data


PARTS = ("side", "adversary", "state", "step", "expected")
EACH = pytest.mark.parametrize(PARTS, list(snapshots()))
KEYED = pytest.mark.parametrize(
    PARTS, [case for case in snapshots() if case.values[2] not in ("New", "Closed")]
)
OTHERS = [{"round": 6}, {"session": bytes(16)}, {"context": bytes(32)}, {"threshold": 4}]


@EACH
def test_bytes_survive(side, adversary, state, step, expected):
    session, data = taken(side, adversary, state, step, expected)
    again = restored(session, data)
    assert type(again).__name__ == state
    assert written(session, again) == data


@KEYED
@pytest.mark.parametrize("change", OTHERS, ids=["round", "session", "model", "threshold"])
def test_another_round_is_refused(side, adversary, state, step, expected, change):
    """Keys of one round are never used in another."""
    session, data = taken(side, adversary, state, step, expected)
    with pytest.raises(ProtocolError):
        restored(session, data, config(adversary=adversary, **change))


@EACH
def test_damage_is_met_with_typed_errors(side, adversary, state, step, expected):
    session, data = taken(side, adversary, state, step, expected)
    rng = random.Random(f"{side} {state}")  # noqa: S311
    for mutate in (flip, truncate, extend, edge, length, splice, repeat, noise):
        for _ in range(40):
            assert_strict(session, mutate(rng, data, data))


@EACH
def test_every_truncation_is_refused(side, adversary, state, step, expected):
    session, data = taken(side, adversary, state, step, expected)
    for size in range(len(data)):
        with pytest.raises(WireError):
            restored(session, data[:size])


@EACH
def test_a_flipped_bit_is_noticed(side, adversary, state, step, expected):
    """A bit of the total would spoil the sum of all, and nobody could tell."""
    session, data = taken(side, adversary, state, step, expected)
    for bit in random.Random(state).sample(range(8 * len(data)), 100):  # noqa: S311
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(GradveilError):
            restored(session, bytes(flipped))


@EACH
def test_edited_fields_are_met_with_typed_errors(side, adversary, state, step, expected):
    """Well-formed bytes of another shape."""
    session, data = taken(side, adversary, state, step, expected)
    reader = msgpack.Unpacker()
    reader.feed(data)
    fields, rest = reader.unpack(), data[reader.tell() :]
    anything = [b"", "", 0, None, [], [[]], b"\xff" * 40, "Masked", "Unmasking", "Bogus", [b"", b"", b""]]
    for at, value in product(range(3, len(fields)), anything):
        assert_strict(session, msgpack.packb([*fields[:at], value, *fields[at + 1 :]]) + rest)
        for place in range(len(fields[at]) if isinstance(fields[at], list) else 0):
            inner = [*fields[at][:place], value, *fields[at][place + 1 :]]
            assert_strict(session, msgpack.packb([*fields[:at], inner, *fields[at + 1 :]]) + rest)


def test_a_total_of_another_length_is_refused():
    session, data = taken("server", Adversary.SEMI_HONEST, "Summing", "vectors", "vectors")
    state = restored(session, data)
    for total in (state.total[:-1], state.total[:0], state.total.repeat(2)):
        spoiled = written(session, replace(state, total=total))
        with pytest.raises(GradveilError):
            restored(session, spoiled)


def test_one_side_does_not_read_the_other():
    run = Round().to("shares")
    with pytest.raises(WireError, match="expected a"):
        restored(run.server, saved(run.clients["ann"]))
    with pytest.raises(WireError, match="expected a"):
        restored(run.clients["ann"], saved(run.server))


def test_a_done_round_has_no_bytes():
    with pytest.raises(ProtocolError, match="keep its aggregate"):
        server_to_bytes(Round().to("done").server.state, config())


def test_an_abort_is_remembered():
    run = Round().to("vectors")
    run.server.abort("stopped")
    assert restored(run.server, saved(run.server)) == Closed("stopped")


def test_the_servers_bytes_hold_no_secret_of_a_client():
    run, secrets = Round(adversary=MALICIOUS), []
    for step in ("keys", "shares", "vectors", "confirmations"):
        run.to(step)
        for session in run.clients.values():
            pairs = [getattr(session.state, kept, None) for kept in ("encryption", "masking")]
            secrets += [pair.secret() for pair in pairs if pair] + [getattr(session.state, "seed", b"none")]
        assert not any(secret in saved(run.server) for secret in secrets)
