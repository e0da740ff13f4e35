"""Uploads and downloads: what is measured is what travels, and only the canonical form is read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradveil.exchange import (
    Clear,
    Download,
    InvalidUpdateError,
    Layout,
    LayoutMismatchError,
    Sealed,
    Selection,
    Upload,
    WireError,
    coords,
    require_one_layout,
    wire,
)
from gradveil.exchange.messages import max_message_bytes
from tests.exchange.laws import assert_strict, bit_flips, truncations
from tests.exchange.strategies import downloads, uploads

TEN = Layout(("v",), ((10,),))
OTHER = Layout(("other",), ((10,),))


def clear(*values):
    return Clear(np.arange(len(values)), np.array(values, dtype=np.float32))


def envelope(kind, sender, parts, layout_hash=TEN.hash):
    """A well-formed message with whatever fields a broken sender puts in."""
    return wire.pack(kind, 1, [sender, layout_hash, parts])


def part_fields(part):
    if isinstance(part, Clear):
        return "clear", part.coords.tolist(), part.values.tobytes()
    return part.scheme, part.coords.tolist(), part.payload


@given(uploads())
def test_uploads_survive_the_wire(upload):
    found = Upload.from_bytes(upload.to_bytes(), upload.layout)
    assert found.client == upload.client
    assert [*map(part_fields, found.parts)] == [*map(part_fields, upload.parts)]
    assert found.to_bytes() == upload.to_bytes()


@given(downloads())
def test_downloads_survive_the_wire(download):
    found = Download.from_bytes(download.to_bytes(), download.layout)
    assert found.clients == download.clients
    assert [*map(part_fields, found.parts)] == [*map(part_fields, download.parts)]
    assert found.to_bytes() == download.to_bytes()


@given(uploads() | downloads())
def test_the_size_is_the_size_of_the_bytes(message):
    assert message.nbytes == len(message.to_bytes())


@given(uploads() | downloads(), st.data())
def test_a_flipped_bit_is_refused_or_another_message(message, data):
    damaged = data.draw(bit_flips(message.to_bytes()))
    assert_strict(lambda raw: type(message).from_bytes(raw, message.layout), damaged)


@given(uploads() | downloads(), st.data())
def test_a_truncated_message_is_refused(message, data):
    with pytest.raises(WireError):
        type(message).from_bytes(data.draw(truncations(message.to_bytes())), message.layout)


@given(uploads() | downloads(), st.binary(min_size=1, max_size=9))
def test_trailing_bytes_are_refused(message, tail):
    with pytest.raises(WireError):
        type(message).from_bytes(message.to_bytes() + tail, message.layout)


@pytest.mark.parametrize("kind", [Upload, Download])
def test_oversize_is_refused_before_parsing(kind):
    with pytest.raises(WireError, match="exceed the limit"):
        kind.from_bytes(bytes(max_message_bytes(TEN) + 1), TEN)


def test_a_message_of_another_kind_is_refused():
    upload = Upload("ann", TEN, (clear(1),))
    download = Download(frozenset({"ann"}), TEN, (clear(1),))
    selection = Selection(TEN, np.ones(10, np.bool_), "all")
    for data in (download.to_bytes(), selection.to_bytes()):
        with pytest.raises(WireError, match="expected a upload"):
            Upload.from_bytes(data, TEN)
    with pytest.raises(WireError, match="expected a download"):
        Download.from_bytes(upload.to_bytes(), TEN)


def test_a_message_of_a_later_version_is_refused():
    with pytest.raises(WireError, match="upgrade"):
        Upload.from_bytes(wire.pack("upload", 2, ["ann", TEN.hash, []]), TEN)


@pytest.mark.parametrize("kind", [Upload, Download])
def test_a_message_for_another_model_is_refused(kind):
    sender = "ann" if kind is Upload else frozenset({"ann"})
    with pytest.raises(LayoutMismatchError, match="another model"):
        kind.from_bytes(kind(sender, OTHER, ()).to_bytes(), TEN)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_clear_part_that_is_not_finite_is_refused(bad):
    with pytest.raises(WireError, match="NaN"):
        Upload.from_bytes(Upload("ann", TEN, (clear(0, bad),)).to_bytes(), TEN)


@pytest.mark.parametrize(
    "values", [np.zeros(3), np.zeros(2, np.float32), np.zeros((3, 1), np.float32)], ids=["f8", "short", "2d"]
)
def test_a_clear_part_needs_one_float32_for_each_coordinate(values):
    with pytest.raises(InvalidUpdateError):
        Clear(np.arange(3), values)


@pytest.mark.parametrize(
    "part",
    [
        7,
        [],
        ["", b"r"],
        ["", b"r", b"", b""],
        [b"", b"r", b""],
        ["", "r", b""],
        ["x" * 201, b"r", b""],
        ["", b"q", b""],
        ["", b"r", b"1234"],
        ["ckks", b"b\xff\xff\xff", b"data"],
    ],
    ids=[
        "number",
        "empty",
        "two fields",
        "four fields",
        "scheme of bytes",
        "coordinates of text",
        "long scheme",
        "unknown coordinates",
        "more values than coordinates",
        "coordinates beyond the end",
    ],
)
def test_a_malformed_part_is_refused(part):
    with pytest.raises(WireError):
        Upload.from_bytes(envelope("upload", "ann", [part]), TEN)


def test_too_many_parts_are_refused():
    assert len(Upload.from_bytes(envelope("upload", "ann", [["x", b"r", b""]] * 16), TEN).parts) == 16
    with pytest.raises(WireError, match="17 parts"):
        Upload.from_bytes(envelope("upload", "ann", [["x", b"r", b""]] * 17), TEN)


@pytest.mark.parametrize("name", ["", "x" * 201])
def test_clients_need_a_short_name(name):
    with pytest.raises(WireError, match="name"):
        Upload.from_bytes(envelope("upload", name, []), TEN)
    with pytest.raises(WireError, match="name"):
        Download.from_bytes(envelope("download", [name], []), TEN)


@pytest.mark.parametrize("clients", [["b", "a"], ["a", "a"], [7], [b"a"], [["a"]]], ids=str)
def test_the_clients_of_a_download_are_ordered_distinct_names(clients):
    with pytest.raises(WireError):
        Download.from_bytes(envelope("download", clients, []), TEN)


def test_the_weight_travels_as_one_more_coordinate():
    weight = Clear(np.array([TEN.weight_coord]), np.array([64], dtype=np.float32))
    found = Upload.from_bytes(Upload("ann", TEN, (weight,)).to_bytes(), TEN)
    assert found.parts[0].coords.tolist() == [10]


def test_a_clear_upload_costs_four_bytes_a_value():
    large = Layout(("v",), ((100_000,),))
    everything = Clear(np.arange(large.wire_size), np.ones(large.wire_size, np.float32))
    assert 0 < Upload("ann", large, (everything,)).nbytes - 4 * large.wire_size < 100


def test_every_known_codec_fits_the_limit():
    large = Layout(("v",), ((100_000,),))
    assert max_message_bytes(large) > 81 * large.wire_size


def test_a_sealed_part_does_not_print_its_payload():
    sealed = Sealed(coords.from_mask(np.ones(3, np.bool_)), "ckks", b"secret bytes")
    assert repr(sealed) == "Sealed(ckks, 3 coordinates, 12 bytes)"
    assert "secret" not in repr(Upload("ann", TEN, (sealed,)))


def test_the_client_that_runs_another_model_is_named():
    good, bad = Upload("ann", TEN, ()), Upload("bob", OTHER, ())
    require_one_layout([good, good], TEN)
    with pytest.raises(LayoutMismatchError, match="'bob'"):
        require_one_layout([good, bad], TEN)
