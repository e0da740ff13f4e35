"""Every pair of a state and an event: the table's move on, all others are refused and change nothing."""

import pytest

from secagg import Adversary, Begin, Closed, Deadline, OutOfOrderError, client_states, server_states
from secagg.messages import Abort
from tests.secagg.rounds import MALICIOUS, NAMES, Round, contribution, saved

SEMI_HONEST = Adversary.SEMI_HONEST
UP = ["keys", "shares", "vectors", "confirmations", "answers"]
DOWN = ["directory", "routed", "survivors", "confirmed"]
EVENTS = ["Begin", "Contribute", "Deadline", *UP, *DOWN, "abort"]

# State, the step of a round after which a client is in it, what it expects, and where that leads.
CLIENT = {
    SEMI_HONEST: [
        ("New", None, "Begin", "Advertised"),
        ("Advertised", "directory", "directory", "Sharing"),
        ("Sharing", "routed", "routed", "Ready"),
        ("Ready", "ready", "Contribute", "Masked"),
        ("Masked", "survivors", "survivors", "Closed"),
        ("Closed", "answers", None, None),
    ],
    MALICIOUS: [
        ("New", None, "Begin", "Advertised"),
        ("Advertised", "directory", "directory", "Sharing"),
        ("Sharing", "routed", "routed", "Ready"),
        ("Ready", "ready", "Contribute", "Masked"),
        ("Masked", "survivors", "survivors", "Confirmed"),
        ("Confirmed", "confirmed", "confirmed", "Closed"),
        ("Closed", "answers", None, None),
    ],
}
SERVER = {
    SEMI_HONEST: [
        ("Advertising", "keys", "keys", "Sharing"),
        ("Sharing", "shares", "shares", "Summing"),
        ("Summing", "vectors", "vectors", "Unmasking"),
        ("Unmasking", "answers", "answers", "Done"),
        ("Done", "done", None, None),
        ("Closed", None, None, None),
    ],
    MALICIOUS: [
        ("Advertising", "keys", "keys", "Sharing"),
        ("Sharing", "shares", "shares", "Summing"),
        ("Summing", "vectors", "vectors", "Confirming"),
        ("Confirming", "confirmations", "confirmations", "Unmasking"),
        ("Unmasking", "answers", "answers", "Done"),
        ("Done", "done", None, None),
        ("Closed", None, None, None),
    ],
}
DONORS = {adversary: Round(adversary=adversary).to("done") for adversary in Adversary}


def rows(table):
    pairs = [(adversary, row) for adversary, listed in table.items() for row in listed]
    return pytest.mark.parametrize(
        ("adversary", "row"), pairs, ids=[f"{adversary}-{row[0]}" for adversary, row in pairs]
    )


def in_state(adversary, step):
    run = Round(adversary=adversary)
    return run if step is None else run.to(step)


def event_of(run, name):
    """Ann's event of this name, made by this run, or by another one if it has not got so far."""
    made = {"Begin": Begin(), "Contribute": contribution("ann"), "Deadline": Deadline()}
    if name in made:
        return made[name]
    if name == "abort":
        return Abort(run.config.header, "over").to_bytes()
    for source in (run, DONORS[run.config.adversary], DONORS[MALICIOUS]):
        messages = {**source.sent, **source.told}
        if name in messages:
            return messages[name]["ann"]
    return None


def test_the_tables_hold_all_states():
    for module, union, table in [
        (client_states, client_states.ClientState, CLIENT),
        (server_states, server_states.ServerState, SERVER),
    ]:
        assert module.__doc__
        named = {state.__name__ for state in union.__args__}
        assert named == {row[0] for row in table[MALICIOUS]}
        assert named - {row[0] for row in table[SEMI_HONEST]} <= {"Confirmed", "Confirming"}


@rows(CLIENT)
@pytest.mark.parametrize("name", EVENTS)
def test_a_client(adversary, row, name):
    state, step, expected, following = row
    run = in_state(adversary, step)
    session, event = run.clients["ann"], event_of(run, name)
    assert type(session.state).__name__ == state
    if name in (expected, "abort"):
        session.handle(event)
        assert type(session.state).__name__ == ("Closed" if name == "abort" else following)
        return
    before = session.state
    with pytest.raises(OutOfOrderError, match="keep the order"):
        session.handle(event)
    assert session.state is before


@rows(SERVER)
@pytest.mark.parametrize("name", EVENTS)
def test_a_server(adversary, row, name):
    state, step, expected, following = row
    run = in_state(adversary, step)
    if state == "Closed":
        run.server.abort("stopped")
    assert type(run.server.state).__name__ == state
    if expected and name in (expected, "Deadline"):
        heard = list(run.sent[expected].values())
        for payload in heard if name == expected else heard[:-1]:
            assert type(run.server.state).__name__ == state
            run.server.handle(payload)
        if name == "Deadline":
            run.server.handle(Deadline())
        assert type(run.server.state).__name__ == following
        return
    before, kept = run.server.state, saved(run.server)
    with pytest.raises(OutOfOrderError, match="keep the order"):
        run.server.handle(signed(run, event_of(run, name)))
    assert run.server.state is before
    assert saved(run.server) == kept


def signed(run, event):
    """Room for a signature behind what no client signs, so that the kind is what is refused."""
    has_one = isinstance(event, bytes) and any(event in sent.values() for sent in run.sent.values())
    return event + bytes(64) if run.malicious and isinstance(event, bytes) and not has_one else event


@pytest.mark.parametrize("adversary", list(Adversary), ids=str)
@pytest.mark.parametrize("step", [None, "keys", "shares", "vectors", "answers", "done"])
def test_an_abort_reaches_everybody_who_is_known(adversary, step):
    run = in_state(adversary, step)
    known = {None: (), "keys": (), "done": ()}.get(step, NAMES)
    told = run.server.abort("stopped")
    assert run.server.state == Closed("stopped")
    assert [message.receiver for message in told] == list(known)
    for message in told:
        run.clients[message.receiver].handle(message.payload)
        assert run.clients[message.receiver].state == Closed("stopped")
