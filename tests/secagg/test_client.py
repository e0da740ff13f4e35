"""A client follows the order of steps and gives a lying server nothing."""

import numpy as np
import pytest

from gradveil.exchange import InvalidUpdateError, WireError
from secagg import (
    Client,
    OverflowRefusedError,
    ProtocolError,
)
from tests.secagg.rounds import LENGTH, Round, config, vector

PHASES = ("created", "advertised", "shared", "ready", "masked", "answered")
STEPS = ("advertise", "share_keys", "receive_shares", "mask", "unmask")


def after(phase):
    run = Round()
    return run if phase == "created" else getattr(run, phase)()


def arguments(step, run):
    """Genuine arguments of a step, made by another run of the same parties."""
    genuine = {"share_keys": "roster", "unmask": "dead_list"}
    if step == "advertise":
        return ()
    if step == "mask":
        return vector("ann"), 1
    if step == "receive_shares":
        return (run.packets["ann"],)
    return (getattr(run, genuine[step]),)


@pytest.mark.parametrize(
    ("phase", "step"),
    [(PHASES[i], step) for i in range(len(PHASES)) for step in STEPS if step not in STEPS[i : i + 1]],
)
def test_only_the_next_step_is_possible(phase, step):
    client, donor = after(phase).clients["ann"], Round().answered()
    with pytest.raises(ProtocolError, match="keep the order"):
        getattr(client, step)(*arguments(step, donor))


def test_a_refused_order_does_not_end_the_round():
    run = Round().ready()
    with pytest.raises(ProtocolError):
        run.clients["ann"].unmask(b"")
    assert run.clients["ann"].mask(vector("ann"), 1)


def test_a_damaged_message_may_be_sent_again():
    run = Round().rostered()
    with pytest.raises(WireError):
        run.clients["ann"].share_keys(run.roster[:-1])
    assert run.clients["ann"].share_keys(run.roster)


class TestMask:
    def test_a_bad_vector_can_be_replaced(self):
        client = Round().ready().clients["ann"]
        with pytest.raises(InvalidUpdateError, match="flatten"):
            client.mask(np.zeros(LENGTH + 1, np.float32), 1)
        with pytest.raises(InvalidUpdateError, match="NaN"):
            client.mask(np.full(LENGTH, np.nan, np.float32), 1)
        with pytest.raises(OverflowRefusedError):
            client.mask(vector("ann"), 101)
        assert client.mask(vector("ann"), 100)

    def test_a_second_vector_is_refused(self):
        client = Round().masked().clients["ann"]
        with pytest.raises(ProtocolError, match="not _Masked"):
            client.mask(vector("ann"), 2)

    def test_the_callers_vector_stays_as_it_was(self):
        mine = vector("ann")
        Round().ready().clients["ann"].mask(mine, 3)
        assert np.array_equal(mine, vector("ann"))


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 201, "\ud800"])
def test_odd_names_are_refused(name):
    with pytest.raises(WireError, match="rename"):
        Client(name, config())
