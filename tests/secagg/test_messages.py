"""Every message has one form; damage ends in a typed error."""

from dataclasses import replace

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradveil.exchange import WireError
from secagg import ProtocolError, messages
from tests.exchange.laws import assert_strict, bit_flips
from tests.secagg.rounds import LENGTH, MALICIOUS, Round

RUN = Round(absent={"vectors": {"cid"}}, adversary=MALICIOUS).to("answers")
BEFORE, AFTER = RUN.config.header, RUN.header
PACKED = 4 * (LENGTH + 1)
VALID = {
    "Advertise": (RUN.bare("keys", "ann"), BEFORE, ()),
    "Directory": (RUN.told["directory"]["ann"], BEFORE, ()),
    "EncryptedShares": (RUN.bare("shares", "ann"), AFTER, ()),
    "RoutedShares": (RUN.told["routed"]["ann"], AFTER, ()),
    "MaskedInput": (RUN.bare("vectors", "ann"), AFTER, (PACKED,)),
    "Survivors": (RUN.told["survivors"]["ann"], AFTER, ()),
    "Confirmation": (RUN.bare("confirmations", "ann"), AFTER, ()),
    "Confirmations": (RUN.told["confirmed"]["ann"], AFTER, ()),
    "UnmaskShares": (RUN.bare("answers", "ann"), AFTER, ()),
    "Abort": (messages.Abort(BEFORE, "too few clients").to_bytes(), BEFORE, ()),
}
KINDS = pytest.mark.parametrize("kind", VALID)
NAMED = [kind for kind in VALID if kind not in ("Directory", "Survivors", "Abort")]


def decoder(kind):
    _, header, extra = VALID[kind]
    return lambda data: getattr(messages, kind).from_bytes(data, header, *extra)


def edited(kind, place, value):
    """The message with one entry of its MessagePack array replaced."""
    fields = msgpack.unpackb(VALID[kind][0])
    fields[place] = value
    return msgpack.packb(fields)


def test_all_messages_are_here():
    made = [found for found in vars(messages).values() if isinstance(found, type)]
    decoded = {found.__name__ for found in made if found.__module__ == messages.__name__} - {"Keys"}
    assert decoded == set(VALID)


@KINDS
def test_bytes_survive(kind):
    assert decoder(kind)(VALID[kind][0]).to_bytes() == VALID[kind][0]


@KINDS
@settings(max_examples=200)
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
@settings(max_examples=25)
@given(tail=st.binary(min_size=1, max_size=20))
def test_trailing_bytes_are_refused(kind, tail):
    with pytest.raises(WireError):
        decoder(kind)(VALID[kind][0] + tail)


@KINDS
@settings(max_examples=25)
@given(data=st.binary(max_size=100))
def test_arbitrary_bytes_are_refused(kind, data):
    with pytest.raises(WireError):
        decoder(kind)(data)


@KINDS
@settings(max_examples=60)
@given(data=st.data())
def test_a_field_replaced_by_anything_is_refused_or_valid(kind, data):
    anything = st.none() | st.booleans() | st.integers(0, 2**64 - 1) | st.text() | st.binary()
    nested = st.lists(anything | st.lists(anything, max_size=3), max_size=4)
    where = data.draw(st.integers(0, len(msgpack.unpackb(VALID[kind][0])) - 1))
    assert_strict(decoder(kind), edited(kind, where, data.draw(anything | nested)))


@KINDS
def test_oversize_is_refused_before_parsing(kind, monkeypatch):
    monkeypatch.setattr(msgpack, "Unpacker", lambda *_, **__: pytest.fail("parsed"))
    with pytest.raises(WireError, match="exceed the limit"):
        decoder(kind)(bytes(4_000_000))


@KINDS
@pytest.mark.parametrize(
    "change",
    [{"session": bytes(16)}, {"round": 6}, {"binding": bytes(32)}],
    ids=["session", "round", "binding"],
)
def test_another_place_is_refused(kind, change):
    data, header, extra = VALID[kind]
    with pytest.raises(ProtocolError, match="start a new round"):
        getattr(messages, kind).from_bytes(data, replace(header, **change), *extra)


@KINDS
def test_another_version_is_refused(kind):
    for version in (0, 1, 3, 2**64 - 1):
        with pytest.raises(WireError, match="upgrade the older side"):
            decoder(kind)(edited(kind, 2, version))


@KINDS
@pytest.mark.parametrize("other", VALID)
def test_another_kind_is_refused(kind, other):
    if kind != other:
        with pytest.raises(WireError, match="expected a"):
            decoder(kind)(VALID[other][0])


@pytest.mark.parametrize("names", [["cid", "ann"], ["ann", "ann"], [b"ann"], [["ann"]], [""], [1]], ids=str)
def test_directories_are_ordered_and_distinct(names):
    with pytest.raises(WireError):
        decoder("Directory")(edited("Directory", 6, names))


@pytest.mark.parametrize("column", [7, 8, 9], ids=["encryption", "masking", "signature"])
@pytest.mark.parametrize("size", [1, 31, 64 * 3, 64 * 4 - 1, 64 * 5])
def test_directories_have_one_key_of_each_kind_for_each_client(column, size):
    with pytest.raises(WireError):
        decoder("Directory")(edited("Directory", column, bytes(size)))


def test_too_many_clients_are_refused():
    names = [f"{number:05d}" for number in range(4097)]
    with pytest.raises(WireError, match="split the cohort"):
        decoder("Directory")(edited("Directory", 6, names))


@pytest.mark.parametrize("kind", NAMED)
@pytest.mark.parametrize("name", ["", "a\nb", "x" * 201, "é" * 101, "\x00"], ids=ascii)
def test_odd_names_are_refused(kind, name):
    with pytest.raises(WireError, match="rename"):
        decoder(kind)(edited(kind, 6, name))


@pytest.mark.parametrize("place", [7, 8])
@pytest.mark.parametrize(
    "key",
    [b"\xff" * 32, (2**255 - 19).to_bytes(32, "little"), bytes(31), bytes(33)],
    ids=["ff", "p", "31", "33"],
)
def test_keys_that_are_not_reduced_are_refused(place, key):
    with pytest.raises(WireError):
        decoder("Advertise")(edited("Advertise", place, key))


@pytest.mark.parametrize("size", [1, 63, 65, 128])
def test_signatures_of_another_length_are_refused(size):
    with pytest.raises(WireError):
        decoder("Advertise")(edited("Advertise", 9, bytes(size)))
    with pytest.raises(WireError):
        decoder("Confirmation")(edited("Confirmation", 7, bytes(size)))


@pytest.mark.parametrize("kind", ["EncryptedShares", "RoutedShares", "Confirmations", "UnmaskShares"])
def test_a_broken_field_among_many_is_refused(kind):
    whole = msgpack.unpackb(VALID[kind][0])[-1]
    for blob in (whole[:-1], whole + b"\0"):
        with pytest.raises(WireError, match="no whole number"):
            decoder(kind)(edited(kind, -1, blob))


@pytest.mark.parametrize("size", [0, PACKED - 1, PACKED + 1, 2 * PACKED])
def test_masked_vectors_of_another_length_are_refused(size):
    with pytest.raises(WireError):
        decoder("MaskedInput")(edited("MaskedInput", -1, bytes(size)))


def test_a_long_reason_is_cut():
    long = messages.Abort(BEFORE, "é" * 5000)
    assert messages.Abort.from_bytes(long.to_bytes(), BEFORE).reason == "é" * 400


@KINDS
def test_messages_are_small(kind):
    """Ciphertexts, keys and shares in one piece each: no more than 150 bytes are not of them."""
    fields = msgpack.unpackb(VALID[kind][0])
    content = sum(len(field) for field in fields[6:] if isinstance(field, bytes))
    assert len(VALID[kind][0]) - content <= 150
