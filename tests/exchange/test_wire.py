"""An envelope has one form; everything else is refused before it is used."""

import tracemalloc

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradveil.exchange import WireError, wire
from tests.exchange.strategies import vectors

TYPES = (int, str, bytes, float, list)
FIELDS = st.tuples(
    st.integers(-(2**63), 2**64 - 1),
    st.text(max_size=40),
    st.binary(max_size=40),
    st.floats(allow_nan=False),
    st.lists(st.integers(0, 300) | st.text(max_size=3), max_size=20),
)
PLAIN = [1, "two", b"three", 4.0, [5]]


def unpack(data, kind="test", version=1, types=TYPES, max_bytes=10_000):
    return wire.unpack(data, kind, version, types, max_bytes=max_bytes)


@given(FIELDS)
def test_fields_survive_the_wire(fields):
    assert unpack(wire.pack("test", 1, fields)) == list(fields)


@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_refused(data):
    with pytest.raises(WireError):
        unpack(data)


def test_oversize_is_refused_before_parsing(monkeypatch):
    monkeypatch.setattr(msgpack, "unpackb", lambda *_, **__: pytest.fail("parsed"))
    with pytest.raises(WireError, match="exceed the limit of 10;"):
        unpack(wire.pack("test", 1, PLAIN), max_bytes=10)


def test_the_limit_itself_is_allowed():
    data = wire.pack("test", 1, PLAIN)
    assert unpack(data, max_bytes=len(data)) == PLAIN


@pytest.mark.parametrize("tail", [b"\0", b"\xc0", wire.pack("test", 1, PLAIN)], ids=["zero", "nil", "again"])
def test_nothing_rides_along(tail):
    with pytest.raises(WireError):
        unpack(wire.pack("test", 1, PLAIN) + tail)


def test_another_kind_is_refused_by_name():
    with pytest.raises(WireError, match="expected a test, got 'other'"):
        unpack(wire.pack("other", 1, PLAIN))


@pytest.mark.parametrize("version", [0, 2, "1", True, 1.0, None])
def test_another_version_is_refused(version):
    with pytest.raises(WireError):
        unpack(msgpack.packb([wire.MAGIC, "test", version, *PLAIN]))


@pytest.mark.parametrize(
    "message", [7, [], ["gradveil"], ["gradveil", "test"], ["GRADVEIL", "test", 1, *PLAIN]], ids=str
)
def test_what_is_no_envelope_is_refused(message):
    with pytest.raises(WireError, match="no gradveil message"):
        unpack(msgpack.packb(message))


@pytest.mark.parametrize("fields", [PLAIN[:-1], [*PLAIN, 6]], ids=["one less", "one more"])
def test_another_number_of_fields_is_refused(fields):
    with pytest.raises(WireError, match="fields instead of 5"):
        unpack(wire.pack("test", 1, fields))


@pytest.mark.parametrize("index", range(len(PLAIN)))
@pytest.mark.parametrize("wrong", [True], ids=repr)
def test_a_field_of_another_type_is_refused(index, wrong):
    with pytest.raises(WireError, match=f"field {index} is"):
        unpack(wire.pack("test", 1, [*PLAIN[:index], wrong, *PLAIN[index + 1 :]]))


@pytest.mark.parametrize("wrong", [None, {}, msgpack.Timestamp(1), msgpack.ExtType(5, b"x")], ids=repr)
def test_what_no_message_holds_is_refused_before_it_is_built(wrong):
    with pytest.raises(WireError, match="unexpected type byte"):
        unpack(wire.pack("test", 1, [wrong, *PLAIN[1:]]))


def test_many_small_lists_do_not_become_much_memory():
    bomb = wire.pack("test", 1, [])[1:] + b"\xdd\x00\x20\x00\x00" + b"\x90" * 2**21
    tracemalloc.start()
    with pytest.raises(WireError, match="too deep or too long"):
        wire.unpack(b"\x94" + bomb, "test", 1, (list,), max_bytes=2**22)
    assert tracemalloc.get_traced_memory()[1] < 4 * len(bomb)
    tracemalloc.stop()


def test_deep_lists_are_refused():
    with pytest.raises(WireError, match="too deep"):
        wire.unpack(wire.pack("test", 1, [[[[1]]]]), "test", 1, (list,), max_bytes=100)


@pytest.mark.parametrize(
    ("short", "long"),
    [(b"\x01", b"\xcc\x01"), (b"\xa3two", b"\xd9\x03two"), (b"\xc4\x05three", b"\xc5\x00\x05three")],
    ids=["integer", "text", "bytes"],
)
def test_a_longer_form_of_the_same_message_is_refused(short, long):
    head = wire.pack("test", 1, [])[1:]
    data = wire.pack("test", 1, PLAIN)
    longer = data[: 1 + len(head)] + data[1 + len(head) :].replace(short, long, 1)
    assert msgpack.unpackb(longer) == msgpack.unpackb(data)
    with pytest.raises(WireError, match="canonical"):
        unpack(longer)


def test_text_that_is_no_utf8_is_refused():
    with pytest.raises(WireError, match="not decodable"):
        unpack(wire.pack("test", 1, PLAIN).replace(b"two", b"t\xffo"))


@pytest.mark.parametrize("depth", [100, 520, 1000, 1020, 1021, 1022, 1023, 1024, 5000])
def test_deep_nesting_is_a_typed_error(depth):
    nested = b"\x95" + wire.pack("test", 1, [])[1:] + b"\x91" * depth + b"\x90" + b"\x07"
    with pytest.raises(WireError):
        unpack(nested, types=(list, str))


@given(st.text(max_size=40), FIELDS)
def test_the_kind_is_read_from_the_start(kind, fields):
    data = wire.pack(kind, 1, fields)
    if len(kind.encode()) <= 40:
        assert wire.kind_of(data) == kind
        assert wire.kind_of(data[:64] + b"\xc1 anything") == kind


@given(st.binary(max_size=80))
def test_arbitrary_bytes_have_no_kind(data):
    with pytest.raises(WireError, match="no gradveil message"):
        wire.kind_of(data)


@pytest.mark.parametrize("length", range(15))
def test_half_a_start_has_no_kind(length):
    data = wire.pack("test", 1, [])
    assert len(data) == 16
    with pytest.raises(WireError, match="no gradveil message"):
        wire.kind_of(data[:length])


@pytest.mark.parametrize(
    "start",
    [
        msgpack.packb([wire.MAGIC, "test"]),
        msgpack.packb(["GRADVEIL", "test", 1]),
        msgpack.packb([wire.MAGIC, b"test", 1]),
        msgpack.packb([[wire.MAGIC], "test", 1]),
        msgpack.packb([wire.MAGIC, {"test": 1}, 1]),
        msgpack.packb([wire.MAGIC, "x" * 60, 1]),
        wire.pack("test", 1, []).replace(b"test", b"t\xffst"),
        b"\x93\xd9\x08" + wire.pack("test", 1, [])[2:],
        b"\x93\xa8gradveil\xd9\x04test\x01",
        b"\xdc\x00\x03" + wire.pack("test", 1, [])[1:],
        b"\x93\xa8gradveil\xdb\xff\xff\xff\xff" + b"x" * 60,
    ],
    ids=[
        "too short",
        "magic",
        "bytes",
        "list",
        "map",
        "long kind",
        "no utf8",
        "long magic form",
        "long kind form",
        "long list form",
        "claimed 4 GiB",
    ],
)
def test_another_start_has_no_kind(start):
    with pytest.raises(WireError, match="no gradveil message"):
        wire.kind_of(start)


def test_the_kind_of_a_large_message_costs_nothing():
    data = wire.pack("test", 1, [bytes(2**24)])
    tracemalloc.start()
    assert wire.kind_of(data) == "test"
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


@given(st.data())
def test_floats_survive_the_wire_bit_for_bit(data):
    values = data.draw(vectors(data.draw(st.integers(0, 30))))
    found = wire.float32_from_bytes(wire.float32_to_bytes(values), values.size)
    assert found.tobytes() == values.tobytes()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_floats_that_are_not_finite_are_refused(bad):
    with pytest.raises(WireError, match="NaN"):
        wire.float32_from_bytes(wire.float32_to_bytes(np.array([1, bad], dtype=np.float32)), 2)


@pytest.mark.parametrize("length", [0, 7, 9, 12])
def test_another_number_of_floats_is_refused(length):
    with pytest.raises(WireError, match="2 float32"):
        wire.float32_from_bytes(bytes(length), 2)


def test_floats_are_little_endian():
    assert wire.float32_to_bytes(np.array([1.0], dtype=">f4").astype(np.float32)) == b"\0\0\x80\x3f"
