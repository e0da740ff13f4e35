"""Bit-packed words against one big integer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradveil.exchange import WireError, bits

WIDTHS = st.integers(1, 64)


def naive(words, width):
    """The words as digits of one integer, little-endian."""
    number = sum(word << (index * width) for index, word in enumerate(words))
    return number.to_bytes((len(words) * width + 7) // 8, "little")


@given(WIDTHS, st.data())
def test_packing_equals_one_big_integer(width, data):
    words = data.draw(st.lists(st.integers(0, 2**width - 1), max_size=140))
    packed = bits.pack(np.array(words, dtype=bits.word_dtype(width)), width)
    assert packed == naive(words, width)
    assert len(packed) == bits.packed_bytes(len(words), width)
    assert bits.unpack(memoryview(packed), len(words), width).tolist() == words


@given(st.lists(st.integers(0, 2**64 - 1), max_size=70), st.integers(1, 63))
def test_top_bits_are_dropped_and_wide_words_are_welcome(words, width):
    packed = bits.pack(np.array(words, dtype=np.uint64), width)
    assert packed == naive([word % 2**width for word in words], width)


@pytest.mark.parametrize("width", [1, 7, 8, 9, 24, 33, 63, 64])
def test_the_largest_words_survive(width):
    words = np.full(1001, 2**width - 1, dtype=bits.word_dtype(width))
    found = bits.unpack(bits.pack(words, width), 1001, width)
    np.testing.assert_array_equal(found, words)
    assert found.dtype == words.dtype
    assert found.flags.writeable


def test_byte_order_does_not_show():
    words = np.array([1, 2, 2**20], dtype=">u4")
    assert bits.pack(words, 24) == naive([1, 2, 2**20], 24)
    assert bits.pack(words, 32) == naive([1, 2, 2**20], 32)


@given(st.binary(max_size=40), st.integers(0, 50), WIDTHS)
def test_hostile_bytes_are_refused_or_canonical(data, count, width):
    try:
        words = bits.unpack(data, count, width)
    except WireError:
        assert len(data) != bits.packed_bytes(count, width) or data[-1] >> (count * width % 8)
        return
    assert bits.pack(words, width) == data


@pytest.mark.parametrize("bit", range(2, 8))
def test_every_padding_bit_must_be_zero(bit):
    packed = bytearray(bits.pack(np.array([1, 2, 3, 4, 5, 6], dtype="<u2"), 11))
    packed[-1] |= 1 << bit
    with pytest.raises(WireError, match="padding"):
        bits.unpack(bytes(packed), 6, 11)


@pytest.mark.parametrize(("size", "count"), [(4, 3), (7, 4), (0, 1), (1, 0), (6, -4)])
def test_another_length_is_refused(size, count):
    with pytest.raises(WireError, match="drop them"):
        bits.unpack(bytes(size), count, 12)


@pytest.mark.parametrize("width", [-1, 0, 65])
def test_no_such_words(width):
    with pytest.raises(WireError, match="1 to 64"):
        bits.pack(np.zeros(2, dtype=np.uint64), width)
    with pytest.raises(WireError, match="1 to 64"):
        bits.unpack(b"", 0, width)


def test_narrow_words_are_refused():
    with pytest.raises(WireError, match="widen"):
        bits.pack(np.zeros(2, dtype=np.uint8), 9)
