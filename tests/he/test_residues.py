import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from he.residues import pack, packed_bytes, unpack

BITS = st.integers(1, 63)


@st.composite
def words_of_bits(draw):
    bits = draw(BITS)
    words = draw(st.lists(st.integers(0, 2**bits - 1), max_size=40))
    return np.array(words, dtype=np.uint64), bits


def naive(words, bits):
    """The layout in Python integers: whole low bytes of each word, then one number of all top bits."""
    whole, rest = divmod(bits, 8)
    low = b"".join((word % 256**whole).to_bytes(whole, "little") for word in words)
    tops = sum((word >> 8 * whole) << rest * place for place, word in enumerate(words))
    return low + tops.to_bytes((len(words) * rest + 7) // 8, "little")


@given(words_of_bits())
def test_what_is_packed_comes_back(case):
    words, bits = case
    data = pack(words, bits)
    back = unpack(memoryview(data), words.size, bits)
    assert len(data) == packed_bytes(words.size, bits)
    assert back.dtype == np.uint64
    assert back.tolist() == words.tolist()


@given(words_of_bits())
def test_layout_is_the_one_of_plain_integers(case):
    words, bits = case
    assert pack(words, bits) == naive(words.tolist(), bits)


@given(BITS, st.integers(0, 5000))
def test_length_wastes_less_than_a_byte(bits, count):
    assert 8 * packed_bytes(count, bits) - 8 < bits * count <= 8 * packed_bytes(count, bits) or count == 0


@pytest.mark.parametrize("bits", range(1, 64))
def test_a_whole_polynomial_of_each_width(bits):
    words = np.random.default_rng(bits).integers(2**bits, size=4096, dtype=np.uint64)
    words[:2] = 0, 2**bits - 1
    assert (unpack(memoryview(pack(words, bits)), 4096, bits) == words).all()


@given(words_of_bits(), st.integers(0, 2**64 - 1))
def test_higher_bits_do_not_travel(case, noise):
    words, bits = case
    dirty = words | np.uint64(noise >> bits << bits)
    assert pack(dirty, bits) == pack(words, bits)


@pytest.mark.parametrize(("bits", "count", "padding"), [(54, 1, 2), (1, 5, 3), (63, 7, 7)])
def test_padding_bits_are_ignored(bits, count, padding):
    words = np.full(count, 2 ** (bits - 1), dtype=np.uint64)
    data = bytearray(pack(words, bits))
    data[-1] |= (0xFF << (8 - padding)) & 0xFF
    assert (unpack(memoryview(data), count, bits) == words).all()
