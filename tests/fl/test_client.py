"""What a client refuses, by which error, and what is left of the round afterwards."""

import logging
import re
from dataclasses import replace

import numpy as np
import pytest

from gradveil.exchange import InvalidUpdateError, TooFewClientsError, WireError
from gradveil.fl import (
    Client,
    ExpiredRoundError,
    ForgottenRoundError,
    Given,
    ModelMismatchError,
    Participant,
    PartiesError,
    PlanMismatchError,
    Policy,
    Refusal,
    RefusedError,
    RosterMismatchError,
    SealedModel,
    State,
)
from gradveil.parties import Identity, Roster
from he import ReplayError
from secagg import Floors, OutOfOrderError
from secagg.phases import Phase
from tests.fl.exchanges import GIVEN, Table, Work, request, trained
from tests.fl.jobs import CLIENTS, EVERYTHING, HYBRID, MASKED, PLANS, SELECTIVE, Training, job, plan

ME = CLIENTS[0]
OTHER = Given(b"x" * 32, b"c" * 32)


@pytest.fixture
def table():
    return Table(MASKED)


@pytest.mark.parametrize(
    ("change", "error"),
    [({"plan": bytes(32)}, PlanMismatchError), ({"roster": bytes(32)}, RosterMismatchError)],
    ids=["plan", "roster"],
)
def test_another_plan_or_roster_is_refused_and_changes_nothing(table, change, error):
    me = table.people[ME]
    with pytest.raises(error):
        me.reply_to(request(replace(table.terms, **change)), Work())
    assert me.state.terms is None


def test_a_round_that_is_over_is_refused_and_the_current_one_goes_on(table):
    me = table.people[ME]
    table.collect()
    with pytest.raises(ExpiredRoundError, match="round 0 is over"):
        me.reply_to(request(replace(table.terms, round=0)), Work())
    table.collect()
    assert table.finish().clients == set(CLIENTS)


def test_the_same_number_under_other_terms_is_an_expired_round(table):
    table.collect()
    with pytest.raises(ExpiredRoundError):
        table.people[ME].reply_to(request(replace(table.terms, session=bytes(16))), Work())


@pytest.mark.parametrize("phase", [Phase.SHARE, Phase.MASK, Phase.UNMASK])
def test_a_client_restarted_in_the_middle_says_so_and_joins_the_next_round(table, phase):
    table.until(phase)
    table.people[ME] = Participant(table.people[ME].client)
    with pytest.raises(ForgottenRoundError, match="joins the next one"):
        table.people[ME].reply_to(table.server.requests[ME], Work())
    table.open(2)
    assert table.finish().clients == set(CLIENTS)


@pytest.mark.parametrize("phase", [Phase.SHARE, Phase.MASK, Phase.CONFIRM, Phase.UNMASK])
def test_a_client_restarted_with_its_state_goes_on(phase):
    table = Table(EVERYTHING)
    table.until(phase)
    old = table.people[ME]
    identity = table.parties[ME].identity
    state = State.from_bytes(old.state.to_bytes(EVERYTHING, identity), EVERYTHING, identity)
    table.people[ME] = Participant(old.client, state)
    assert table.finish().clients == set(CLIENTS)


@pytest.mark.parametrize("given", [OTHER, Given(GIVEN.model, bytes(32))], ids=["model", "configuration"])
@pytest.mark.parametrize("plan", [MASKED, SELECTIVE], ids=["masked", "selective"])
def test_another_model_than_the_others_were_given_is_not_trained(plan, given):
    table = Table(plan)
    table.until(Phase.MASK)
    work = Work(trained(), given)
    with pytest.raises(ModelMismatchError):
        table.people[ME].reply_to(table.server.requests[ME], work)
    assert work.runs == 0
    with pytest.raises(ExpiredRoundError):
        table.people[ME].reply_to(table.server.requests[ME], table.work(ME))


@pytest.mark.parametrize("phase", [Phase.ADVERTISE, Phase.SHARE, Phase.UNMASK])
def test_a_repeated_question_gets_the_same_answer(table, phase):
    table.until(phase)
    assert table.answer(ME) == table.answer(ME)


@pytest.mark.parametrize("plan", [MASKED, SELECTIVE], ids=["masked", "selective"])
def test_a_second_contribution_is_refused(plan):
    table = Table(plan)
    table.until(Phase.MASK)
    table.answer(ME)
    with pytest.raises((OutOfOrderError, ExpiredRoundError)):
        table.people[ME].reply_to(table.server.requests[ME], table.work(ME))


def test_another_list_of_survivors_is_not_answered(table):
    table.until(Phase.UNMASK)
    table.answer(ME)
    with pytest.raises(ExpiredRoundError):
        table.people[ME].reply_to(request(table.terms, Phase.UNMASK, b"another list"), Work())


def test_sums_of_one_model_are_limited():
    table = Table(MASKED, Policy(rounds_per_model=1))
    table.finish()
    table.open(2)
    with pytest.raises(RefusedError, match="subtracted"):
        table.people[ME].reply_to(table.server.requests[ME], Work())
    table.open(3, OTHER)
    assert table.finish().clients == set(CLIENTS)


def test_a_round_that_failed_before_unmasking_does_not_count():
    table = Table(MASKED, Policy(rounds_per_model=1))
    table.until(Phase.UNMASK)
    table.open(2)
    assert table.finish().clients == set(CLIENTS)


def test_floors_are_the_clients_own():
    table = Table(MASKED, Policy(Floors(min_clients=8)))
    table.collect(CLIENTS[1:])
    table.server.lose(ME, "test")
    with pytest.raises(TooFewClientsError, match="7 clients, not 8"):
        table.people[CLIENTS[1]].reply_to(table.server.requests[CLIENTS[1]], Work())


def test_a_gate_keeps_what_is_about_to_leave():
    def gate(terms, found):
        raise RefusedError(f"round {terms.round} would send {found.weight} examples; ask the operator")

    table = Table(MASKED, gate=gate)
    table.until(Phase.MASK)
    assert Refusal.from_bytes(table.answer(ME)).error == "RefusedError"
    assert table.people[ME].state.over


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"weight": 21}, "max_weight"),
        ({"metrics": {}}, "reported no 'loss'"),
        ({"metrics": {"loss": float("nan")}}, "NaN"),
        ({"after": None}, "returned no model"),
        ({"after": np.full(MASKED.layout.size, np.inf, np.float32)}, "infinite"),
    ],
    ids=["weight", "missing metric", "NaN metric", "no model", "infinite model"],
)
def test_a_training_that_cannot_be_sent_is_refused(table, changes, match):
    table.until(Phase.MASK)
    with pytest.raises(InvalidUpdateError, match=match):
        table.people[ME].reply_to(table.server.requests[ME], Work(replace(trained(), **changes)))


def test_a_refusal_tells_the_server_the_class_only_and_the_own_log_the_reason(table, caplog):
    table.until(Phase.MASK)
    with caplog.at_level(logging.WARNING, "gradveil.fl"):
        reply = table.people[ME].handle(table.server.requests[ME], Work(trained(weight=4711)))
    assert Refusal.from_bytes(reply).error == "InvalidUpdateError"
    assert b"4711" not in reply
    assert "4711" in caplog.text


def test_logs_hold_no_secret(caplog):
    with caplog.at_level(logging.DEBUG):
        table = Table(EVERYTHING)
        table.finish()
    secret = table.parties[ME].identity.private_bytes().hex()
    assert secret not in caplog.text
    assert not re.search(r"[0-9a-f]{65,}", caplog.text)


def test_clipped_values_are_counted_in_the_log(table, caplog):
    table.until(Phase.MASK)
    big = replace(trained(), after=np.full(MASKED.layout.size, 3.0, np.float32))
    with caplog.at_level(logging.WARNING, "gradveil.fl"):
        table.people[ME].handle(table.server.requests[ME], Work(big))
    assert f"{MASKED.layout.size} values exceed" in caplog.text


def test_a_second_sum_of_one_round_is_not_opened():
    """As after a server that restarted without its checkpoint, or one that wants the difference."""
    first, second = job(HYBRID), job(HYBRID)
    second.parties, second.server, second._clients = first.parties, first.server, first._clients
    one = first.run(Training()).outcome.sealed
    two = second.run(Training(), absent={Phase.MASK: [ME]}).outcome.sealed
    parties = first.parties[CLIENTS[1]]
    one.open(HYBRID, parties)
    one.open(HYBRID, parties)
    with pytest.raises(ReplayError):
        two.open(HYBRID, parties)


def test_an_encrypted_model_of_another_round_is_refused():
    found = job(HYBRID)
    sealed = found.run(Training()).outcome.sealed
    with pytest.raises(WireError, match="another round"):
        replace(sealed, round=7).open(HYBRID, found.parties[ME])


def test_a_sealed_model_has_one_form():
    sealed = job(HYBRID).run(Training()).outcome.sealed
    assert SealedModel.from_bytes(sealed.to_bytes(), HYBRID) == sealed
    with pytest.raises(WireError):
        SealedModel.from_bytes(sealed.to_bytes() + b"x", HYBRID)


def test_a_client_that_is_not_listed_does_not_start():
    stranger = Identity.generate(ME)
    parties = replace(job(MASKED).parties[ME], identity=stranger)
    with pytest.raises(RosterMismatchError, match="does not list"):
        Client(MASKED, parties)


def test_a_plan_that_encrypts_needs_the_key_it_was_made_for():
    parties = job(MASKED).parties[ME]
    with pytest.raises(PartiesError, match="key"):
        Client(HYBRID, parties)
    other = replace(parties, key=job(PLANS["encrypted"]).parties[ME].key)
    with pytest.raises(PlanMismatchError, match="other parameters"):
        Client(HYBRID, other)


def test_rosters_of_other_parties_differ():
    first, second = job(MASKED), job(MASKED)
    assert isinstance(first.server.roster, Roster)
    assert first.server.roster.hash != second.server.roster.hash
    assert plan(masking=MASKED.masking, metrics=MASKED.metrics).hash == MASKED.hash
