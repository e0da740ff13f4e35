"""Coordinates have one encoding: the shorter of runs and bitmap."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradveil.exchange import WireError, coords
from tests.exchange.strategies import masks

SIZES = st.integers(0, 300)


@given(st.data())
def test_masks_survive_the_wire(data):
    size = data.draw(SIZES)
    mask = data.draw(masks(size))
    found = coords.from_bytes(coords.to_bytes(coords.from_mask(mask), size), size)
    assert found.dtype == np.int64
    assert np.array_equal(coords.to_mask(found, size), mask)


@given(st.data())
def test_the_encoding_is_never_longer_than_a_bitmap(data):
    size = data.draw(SIZES)
    encoded = coords.to_bytes(coords.from_mask(data.draw(masks(size))), size)
    assert len(encoded) <= 1 + (size + 7) // 8


@given(st.binary(max_size=40), SIZES)
def test_whatever_decodes_encodes_to_the_same_bytes(data, size):
    try:
        found = coords.from_bytes(data, size)
    except WireError:
        return
    assert coords.to_bytes(found, size) == data


def runs(*bounds):
    return b"r" + np.array(bounds, dtype="<u4").tobytes()


def test_a_solid_slice_of_a_large_model_costs_nine_bytes():
    assert coords.to_bytes(np.arange(1000, 900_000), 1_000_000) == runs(1000, 900_000)


def test_nothing_costs_one_byte():
    assert coords.to_bytes(np.empty(0, dtype=np.int64), 1_000_000) == b"r"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        runs(5, 5),
        runs(6, 5),
        runs(5, 9, 2, 3),
        runs(5, 9, 9, 12),
        runs(0, 1001),
        runs(0, 2**32 - 1),
        runs(1, 2, 3),
        runs(5, 9)[:-1],
        runs(5, 9) + b"\0",
        runs(*range(400)),
        b"b" + bytes(125),
        b"b" + bytes(124),
        b"b" + bytes(126),
    ],
    ids=[
        "no bytes",
        "unknown form",
        "empty run",
        "backward run",
        "unordered runs",
        "touching runs",
        "beyond the end",
        "far beyond the end",
        "odd bounds",
        "truncated",
        "trailing byte",
        "runs longer than the bitmap",
        "bitmap longer than the runs",
        "short bitmap",
        "long bitmap",
    ],
)
def test_damaged_coordinates_are_refused(data):
    with pytest.raises(WireError):
        coords.from_bytes(data, 1000)


def test_bits_beyond_the_last_coordinate_are_refused():
    scattered = bytearray(coords.to_bytes(np.arange(0, 300, 2), 300))
    scattered[-1] |= 1
    with pytest.raises(WireError, match="canonical"):
        coords.from_bytes(bytes(scattered), 300)
