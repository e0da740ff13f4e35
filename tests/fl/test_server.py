"""What a server refuses of its clients, and that a refused reply changes no sum."""

from dataclasses import replace

import numpy as np
import pytest

from gradveil.exchange import Clear, GradveilError, InvalidUpdateError, Sealed, Upload, WireError, wire
from gradveil.fl import (
    Journal,
    PartiesError,
    PlanMismatchError,
    Refusal,
    Reply,
    RosterMismatchError,
    RoundAbortedError,
    RoundServer,
    ServerParties,
)
from gradveil.fl.contribution import agreed_of
from gradveil.parties import Identity, SignatureError
from secagg.phases import Deadlines, Phase, PhasePolicy
from tests.fl.exchanges import Table
from tests.fl.jobs import CLIENTS, EVERYTHING, HYBRID, MASKED, PLANS, SELECTIVE

ME, THEM = CLIENTS[:2]
LIMIT = 2**20


def read(table, data):
    return Reply.from_bytes(data, table.terms, table.server_parties.roster, LIMIT)


def signed(table, reply, name=ME):
    return reply.to_bytes(table.parties[name].identity)


def upload_of(table, data):
    split = table.plan.train
    return Upload.from_bytes(read(table, data).payload, split.layout, agreed_of(split))


def with_parts(table, data, *parts, client=ME):
    upload = upload_of(table, data)
    payload = Upload(client, upload.layout, parts, upload.agreed).to_bytes()
    return signed(table, replace(read(table, data), payload=payload))


def refused(table, data, error=GradveilError, match=None):
    """The reply is refused with its sender, and the others' mean is what it would be without it."""
    with pytest.raises(error, match=match):
        table.server.receive(ME, data)
    assert ME in table.server.losses
    outcome = table.finish()
    others = set(CLIENTS) - {ME}
    assert outcome.clients == others
    wanted = table.training.mean(table.training.steps, others)
    readable = table.plan.train.readable
    assert np.abs(outcome.difference - wanted)[readable].max() < 1e-5
    assert outcome.sealed is None or dict(outcome.metrics)


@pytest.mark.parametrize("phase", [Phase.ADVERTISE, Phase.SHARE, Phase.MASK])
def test_a_reply_that_its_client_did_not_sign_is_refused(phase):
    table = Table(MASKED)
    table.until(phase)
    reply = read(table, table.answer(ME))
    forged = reply.to_bytes(Identity.generate(ME))
    refused(table, forged, SignatureError)


def test_a_client_answers_from_one_node():
    table = Table(MASKED)
    table.server.receive(THEM, table.answer(THEM))
    twice = table.people[THEM].handle(table.server.requests[ME], table.work(THEM))
    refused(table, twice, WireError, "two nodes")


def test_a_message_in_another_clients_name_is_refused():
    table = Table(MASKED)
    inner = read(table, table.people[THEM].handle(table.server.requests[THEM], table.work(THEM))).payload
    mine = replace(read(table, table.answer(ME)), payload=inner)
    refused(table, signed(table, mine), WireError, "another client")


def test_an_answer_of_another_phase_is_refused():
    table = Table(MASKED)
    early = table.answer(ME)
    table.collect()
    refused(table, early, WireError, "phase")


def test_an_answer_of_another_round_is_refused():
    table = Table(MASKED)
    old = table.answer(ME)
    table.open(2)
    refused(table, old, WireError, "another round")


@pytest.mark.parametrize("plan", [MASKED, HYBRID, EVERYTHING, SELECTIVE], ids=lambda plan: plan.weight)
def test_damage_anywhere_in_an_upload_adds_nothing(plan):
    table = Table(plan)
    table.until(Phase.MASK)
    data = bytearray(table.answer(ME))
    data[len(data) // 2] ^= 1
    refused(table, bytes(data))


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_part_that_is_missing_adds_none_of_the_others(part):
    table = Table(EVERYTHING)
    table.until(Phase.MASK)
    data = table.answer(ME)
    parts = list(upload_of(table, data).parts)
    del parts[part]
    refused(table, with_parts(table, data, *parts), WireError)


def test_a_damaged_masked_part_leaves_the_encrypted_sum_alone():
    table = Table(HYBRID)
    table.until(Phase.MASK)
    data = table.answer(ME)
    encrypted, masked = upload_of(table, data).parts
    broken = Sealed(masked.coords, masked.scheme, masked.payload[:-1])
    refused(table, with_parts(table, data, encrypted, broken), WireError)


def test_another_clients_ciphertext_is_refused():
    table = Table(HYBRID)
    table.until(Phase.MASK)
    theirs, _ = upload_of(table, table.answer(THEM)).parts
    data = table.people[ME].handle(table.server.requests[ME], table.work(ME))
    _, masked = upload_of(table, data).parts
    table.people[THEM].state = table.people[THEM].state.left()
    with pytest.raises(WireError, match="another client's ciphertext"):
        table.server.receive(ME, with_parts(table, data, theirs, masked))


def test_readable_values_that_nobody_asked_for_are_refused():
    table = Table(MASKED)
    table.until(Phase.MASK)
    data = table.answer(ME)
    everything = np.arange(table.plan.train.layout.wire_size, dtype=np.int64)
    values = Clear(everything, np.zeros(everything.size, np.float32))
    refused(table, with_parts(table, data, values), WireError)


def test_an_upload_in_another_name_is_refused():
    table = Table(MASKED)
    table.until(Phase.MASK)
    data = table.answer(ME)
    parts = upload_of(table, data).parts
    refused(table, with_parts(table, data, *parts, client=THEM), WireError, "another client")


def test_readable_values_must_be_finite():
    table = Table(SELECTIVE)
    data = table.answer(ME)
    encrypted, clear = upload_of(table, data).parts
    endless = Clear(clear.coords, np.full(clear.values.size, np.inf, np.float32))
    refused(table, with_parts(table, data, encrypted, endless), (WireError, InvalidUpdateError))


def test_a_refusal_makes_its_node_lost():
    table = Table(MASKED)
    table.server.receive(ME, Refusal("RefusedError").to_bytes())
    assert table.server.losses == {ME: "refused: RefusedError"}
    assert table.finish().clients == set(CLIENTS) - {ME}


def test_a_refusal_names_an_error_and_nothing_else():
    with pytest.raises(WireError, match="names no error"):
        Refusal.from_bytes(wire.pack("fl-refusal", 1, ["two words"]))


def test_what_comes_late_is_dropped():
    table = Table(MASKED)
    table.collect(CLIENTS[1:])
    late = table.answer(ME)
    table.server.late()
    table.server.receive(ME, late)
    assert table.finish().clients == set(CLIENTS) - {ME}
    assert table.server.losses[ME] == "phase advertise ended without it"


@pytest.mark.parametrize("plan", [MASKED, SELECTIVE], ids=["masked", "selective"])
def test_enough_answers_end_a_phase_early(plan):
    deadlines = Deadlines(mask=PhasePolicy(seconds=5, maximum=6))
    table = Table(plan, deadlines=deadlines)
    outcome = table.finish()
    assert len(outcome.clients) == 6
    assert len(table.server.losses) == 2


@pytest.mark.parametrize("plan", [MASKED, SELECTIVE], ids=["masked", "selective"])
def test_too_few_answers_at_the_deadline_abort(plan):
    table = Table(plan, deadlines=Deadlines(mask=PhasePolicy(seconds=5, minimum=7)))
    table.until(Phase.MASK)
    assert table.server.seconds == 5
    table.collect(CLIENTS[:6], phase=Phase.MASK)
    table.server.late()
    with pytest.raises(RoundAbortedError, match="6 clients answered"):
        table.server.outcome()


def test_there_is_no_outcome_before_the_end():
    table = Table(MASKED)
    with pytest.raises(RoundAbortedError, match="not over"):
        table.server.outcome()


def test_a_round_of_two_clients_has_no_outcome():
    table = Table(SELECTIVE)
    table.collect(CLIENTS[:2])
    table.server.late()
    with pytest.raises(RoundAbortedError, match="2 clients answered, 3 needed"):
        table.server.outcome()


@pytest.mark.parametrize(
    ("change", "error"),
    [({"plan": bytes(32)}, PlanMismatchError), ({"roster": bytes(32)}, RosterMismatchError)],
    ids=["plan", "roster"],
)
def test_a_round_is_opened_under_its_own_plan_and_roster(change, error):
    table = Table(MASKED)
    with pytest.raises(error):
        RoundServer(MASKED, replace(table.terms, **change), table.server_parties, CLIENTS)


@pytest.mark.parametrize("count", [2, 9])
def test_a_round_has_as_many_nodes_as_the_plan_is_for(count):
    table = Table(MASKED)
    nodes = [str(number) for number in range(count)]
    with pytest.raises(PlanMismatchError, match=f"{count} nodes"):
        RoundServer(MASKED, table.terms, table.server_parties, nodes)


def test_a_server_needs_what_its_plan_asks_for():
    table = Table(HYBRID)
    roster, identity = table.server_parties.roster, table.server_parties.identity
    with pytest.raises(PartiesError, match="identity"):
        ServerParties(roster).require_fits(HYBRID)
    with pytest.raises(PartiesError, match="key"):
        ServerParties(roster, identity).require_fits(HYBRID)
    with pytest.raises(RosterMismatchError, match="another server"):
        ServerParties(roster, Identity.generate("server")).require_fits(MASKED)


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("name", ["everything", "malicious"])
def test_a_server_that_was_killed_goes_on_from_its_journal(tmp_path, name, phase):
    table = Table(PLANS[name], journal=Journal(tmp_path / "journal"))
    table.until(phase)
    table.collect(CLIENTS[:4])
    table.server.lose(CLIENTS[4], "test")
    asked = dict(table.server.requests)
    table.server = RoundServer(
        table.plan, table.terms, table.server_parties, CLIENTS, journal=Journal(tmp_path / "journal")
    )
    assert table.server.phase is phase
    assert table.server.requests == asked
    outcome = table.finish()
    gone = {CLIENTS[4]} if phase in (Phase.ADVERTISE, Phase.SHARE, Phase.MASK) else set()
    assert outcome.clients == set(CLIENTS) - gone
    wanted = table.training.mean(table.training.steps, outcome.clients)
    assert np.abs(outcome.difference - wanted)[table.plan.train.readable].max() < 1e-5


def test_a_refused_reply_is_refused_again_in_the_replay(tmp_path):
    journal = Journal(tmp_path / "journal")
    table = Table(HYBRID, journal=journal)
    table.until(Phase.MASK)
    data = table.answer(ME)
    with pytest.raises(WireError):
        table.server.receive(ME, with_parts(table, data, *upload_of(table, data).parts[:1]))
    table.server = RoundServer(HYBRID, table.terms, table.server_parties, CLIENTS, journal=journal)
    assert ME in table.server.losses
    assert table.finish().clients == set(CLIENTS) - {ME}


def test_an_event_cut_off_in_the_writing_never_happened(tmp_path):
    path = tmp_path / "journal"
    table = Table(MASKED, journal=Journal(path))
    table.collect(CLIENTS[:3])
    path.write_bytes(path.read_bytes()[:-5])
    table.server = RoundServer(MASKED, table.terms, table.server_parties, CLIENTS, journal=Journal(path))
    assert set(CLIENTS) - set(table.server.requests) == set(CLIENTS[:2])
    assert table.finish().clients == set(CLIENTS)


def test_a_damaged_journal_is_no_journal(tmp_path):
    path = tmp_path / "journal"
    table = Table(MASKED, journal=Journal(path))
    table.collect(CLIENTS[:2])
    data = bytearray(path.read_bytes())
    data[12] ^= 1
    path.write_bytes(data)
    with pytest.raises(WireError):
        RoundServer(MASKED, table.terms, table.server_parties, CLIENTS, journal=Journal(path))


def test_a_journal_goes_with_its_round(tmp_path):
    path = tmp_path / "journal"
    table = Table(MASKED, journal=Journal(path))
    table.finish()
    Journal(path).remove()
    assert not path.exists()
