"""A client's state on foreign disks: sealed, bound to plan and identity, and the same after the way back."""

import pickle

import pytest

from gradveil.fl import ForgottenRoundError, State
from gradveil.parties import Identity
from secagg import SecretExposedError
from secagg.phases import Phase
from tests.fl.exchanges import Table
from tests.fl.jobs import CLIENTS, EVERYTHING, HYBRID, MASKED, SELECTIVE

ME = CLIENTS[0]


def identity_of(table):
    return table.parties[ME].identity


@pytest.mark.parametrize("phase", list(Phase))
def test_a_state_survives_its_bytes_in_every_phase(phase):
    table = Table(EVERYTHING)
    table.until(phase)
    state = table.people[ME].state
    data = state.to_bytes(EVERYTHING, identity_of(table))
    again = State.from_bytes(data, EVERYTHING, identity_of(table))
    assert (again.terms, again.asked, again.reply, again.over) == (
        state.terms,
        state.asked,
        state.reply,
        state.over,
    )
    assert type(again.masking) is type(state.masking)


@pytest.mark.parametrize("plan", [MASKED, SELECTIVE], ids=["masked", "selective"])
def test_a_finished_state_remembers_the_model(plan):
    table = Table(plan)
    table.finish()
    state = table.people[ME].state
    again = State.from_bytes(state.to_bytes(plan, identity_of(table)), plan, identity_of(table))
    assert again.answered == (table.terms.subject,)
    assert again.over
    assert again.masking is None


def test_an_empty_state_survives_its_bytes():
    table = Table(MASKED)
    again = State.from_bytes(State().to_bytes(MASKED, identity_of(table)), MASKED, identity_of(table))
    assert again.terms is None


def test_secrets_are_not_in_the_bytes():
    table = Table(MASKED)
    table.until(Phase.MASK)
    state = table.people[ME].state
    data = state.to_bytes(MASKED, identity_of(table))
    assert state.masking.seed not in data
    assert state.masking.masking.secret() not in data


@pytest.mark.parametrize("change", ["identity", "plan", "bit", "end"])
def test_a_state_of_another_client_or_plan_is_forgotten(change):
    table = Table(MASKED)
    table.until(Phase.MASK)
    data = table.people[ME].state.to_bytes(MASKED, identity_of(table))
    identity = Identity.generate(ME) if change == "identity" else identity_of(table)
    plan = HYBRID if change == "plan" else MASKED
    if change == "bit":
        data = data[:-1] + bytes([data[-1] ^ 1])
    if change == "end":
        data = data[:10]
    with pytest.raises(ForgottenRoundError):
        State.from_bytes(data, plan, identity)


def test_a_state_is_neither_printed_nor_pickled():
    table = Table(MASKED)
    table.collect()
    state = table.people[ME].state
    assert repr(state) == "State(redacted)"
    with pytest.raises(SecretExposedError):
        pickle.dumps(state)


def test_only_the_last_models_are_remembered():
    table = Table(MASKED)
    table.collect()
    state = table.people[ME].state
    for _ in range(70):
        state = state.finished()
    assert len(state.answered) == 64
