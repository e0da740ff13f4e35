"""Every message has one form; damage ends in a typed error."""

from dataclasses import replace

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradveil.exchange import GradveilError, WireError
from secagg import ProtocolError, messages
from tests.exchange.laws import assert_strict, bit_flips, truncations
from tests.secagg.rounds import ENCODING, LENGTH, Round

RUN = Round().answered(("ann", "bob", "dan"))
BEFORE, AFTER = RUN.config.header, messages.Roster.from_bytes(RUN.roster, RUN.config.header).header_after
VALID = {
    "Advertise": (RUN.keys["ann"], BEFORE, ()),
    "Roster": (RUN.roster, BEFORE, ()),
    "EncryptedShares": (RUN.shares["ann"], AFTER, ()),
    "RoutedShares": (RUN.packets["ann"], AFTER, ()),
    "MaskedInput": (RUN.inputs["ann"], AFTER, (LENGTH, ENCODING)),
    "DeadList": (RUN.dead_list, AFTER, ()),
    "UnmaskShares": (RUN.answers["ann"], AFTER, ()),
}
KINDS = pytest.mark.parametrize("kind", VALID)


def decoder(kind):
    _, header, extra = VALID[kind]
    return lambda data: getattr(messages, kind).from_bytes(data, header, *extra)


def edited(kind, edit):
    """The message with its MessagePack array changed by a function."""
    fields = msgpack.unpackb(VALID[kind][0])
    edit(fields)
    return msgpack.packb(fields)


@KINDS
def test_bytes_survive(kind):
    assert decoder(kind)(VALID[kind][0]).to_bytes() == VALID[kind][0]


@KINDS
@settings(derandomize=True, deadline=None, database=None, max_examples=300)
@given(data=st.data())
def test_a_flipped_bit_is_refused_or_makes_another_valid_message(kind, data):
    assert_strict(decoder(kind), data.draw(bit_flips(VALID[kind][0])))


@KINDS
def test_every_truncation_is_refused(kind):
    whole = VALID[kind][0]
    for length in range(len(whole)):
        with pytest.raises(WireError):
            decoder(kind)(whole[:length])


@KINDS
@settings(derandomize=True, deadline=None, database=None, max_examples=50)
@given(tail=st.binary(min_size=1, max_size=20))
def test_trailing_bytes_are_refused(kind, tail):
    with pytest.raises(WireError):
        decoder(kind)(VALID[kind][0] + tail)


@KINDS
@settings(derandomize=True, deadline=None, database=None, max_examples=50)
@given(data=st.binary(max_size=100))
def test_arbitrary_bytes_are_refused(kind, data):
    with pytest.raises(WireError):
        decoder(kind)(data)


@KINDS
@settings(derandomize=True, deadline=None, database=None, max_examples=100)
@given(data=st.data())
def test_a_field_replaced_by_anything_is_refused_or_valid(kind, data):
    anything = st.none() | st.booleans() | st.integers(0, 2**64 - 1) | st.text() | st.binary()
    nested = st.lists(anything | st.lists(anything, max_size=3), max_size=4)
    where = data.draw(st.integers(0, len(msgpack.unpackb(VALID[kind][0])) - 1))
    value = data.draw(anything | nested)
    assert_strict(decoder(kind), edited(kind, lambda fields: fields.__setitem__(where, value)))


@KINDS
def test_oversize_is_refused_before_parsing(kind, monkeypatch):
    monkeypatch.setattr(msgpack, "unpackb", lambda *_, **__: pytest.fail("parsed"))
    with pytest.raises(WireError, match="exceed the limit"):
        decoder(kind)(bytes(4_000_000))


@KINDS
@pytest.mark.parametrize("change", [{"session": bytes(16)}, {"round": 6}, {"binding": bytes(32)}], ids=str)
def test_another_place_is_refused(kind, change):
    data, header, extra = VALID[kind]
    with pytest.raises(ProtocolError, match="start a new round"):
        getattr(messages, kind).from_bytes(data, replace(header, **change), *extra)


@KINDS
@pytest.mark.parametrize("other", VALID)
def test_another_kind_is_refused(kind, other):
    if kind != other:
        with pytest.raises(WireError, match="expected a"):
            decoder(kind)(VALID[other][0])


@pytest.mark.parametrize("kind", ["Roster", "EncryptedShares", "RoutedShares", "UnmaskShares"])
@pytest.mark.parametrize(
    "spoil",
    [list.reverse, lambda items: items.append(items[-1]), lambda items: items.append("x")],
    ids=["unordered", "repeated", "no pair"],
)
def test_lists_are_ordered_and_distinct(kind, spoil):
    with pytest.raises(WireError):
        decoder(kind)(edited(kind, lambda fields: spoil(fields[-1])))


@pytest.mark.parametrize("dead", [["cid", "cid"], ["cid", "ann"], [b"cid"], [["cid"]]])
def test_dead_lists_are_ordered_and_distinct(dead):
    with pytest.raises(WireError):
        decoder("DeadList")(edited("DeadList", lambda fields: fields.__setitem__(-1, dead)))


def test_too_many_clients_are_refused():
    names = [f"{number:05d}" for number in range(5000)]
    with pytest.raises(WireError, match="split the cohort"):
        decoder("DeadList")(edited("DeadList", lambda fields: fields.__setitem__(-1, names)))


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 201, "é" * 101])
def test_odd_names_are_refused(name):
    with pytest.raises(WireError, match="rename"):
        decoder("Advertise")(edited("Advertise", lambda fields: fields.__setitem__(6, name)))


@pytest.mark.parametrize("key", [b"\xff" * 32, (2**255 - 19).to_bytes(32, "little"), bytes(31), bytes(33)])
def test_keys_that_are_not_reduced_are_refused(key):
    with pytest.raises(WireError):
        decoder("Advertise")(edited("Advertise", lambda fields: fields.__setitem__(7, key)))


@pytest.mark.parametrize("size", [0, 4 * LENGTH, 4 * (LENGTH + 1) - 1, 4 * (LENGTH + 2)])
def test_masked_vectors_of_another_length_are_refused(size):
    with pytest.raises(WireError):
        decoder("MaskedInput")(edited("MaskedInput", lambda fields: fields.__setitem__(-1, bytes(size))))


def test_no_share_is_printed():
    for kind in ("EncryptedShares", "RoutedShares", "UnmaskShares", "MaskedInput"):
        assert (
            "\\x" not in repr(decoder(kind)(VALID[kind][0])).replace(repr(AFTER), "").split("commitment")[0]
        )


STEPS = {
    "receive_keys": ("advertised", "keys"),
    "receive_shares": ("shared", "shares"),
    "receive_input": ("masked", "inputs"),
    "receive_unmask": ("answered", "answers"),
}


@pytest.mark.parametrize("step", STEPS)
@settings(derandomize=True, deadline=None, database=None, max_examples=60)
@given(data=st.data())
def test_a_server_meets_damage_with_typed_errors(step, data):
    phase, sent = STEPS[step]
    run = getattr(Round(), phase)()
    whole = getattr(run, sent)["ann"]
    damaged = data.draw(bit_flips(whole) | truncations(whole))
    try:
        getattr(run.server, step)(damaged)
    except GradveilError:
        return


CLIENT_STEPS = {"share_keys": "rostered", "receive_shares": "routed", "unmask": "summed"}


@pytest.mark.parametrize("step", CLIENT_STEPS)
@settings(derandomize=True, deadline=None, database=None, max_examples=60)
@given(data=st.data())
def test_a_client_meets_damage_with_typed_errors(step, data):
    run = getattr(Round(), CLIENT_STEPS[step])()
    whole = {
        "share_keys": lambda: run.roster,
        "receive_shares": lambda: run.packets["ann"],
        "unmask": lambda: run.dead_list,
    }[step]()
    damaged = data.draw(bit_flips(whole) | truncations(whole))
    try:
        getattr(run.clients["ann"], step)(damaged)
    except GradveilError:
        return
