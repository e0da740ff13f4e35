"""Lists of clients as bitmaps: one form each, nothing behind the last client."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradveil.exchange import WireError
from secagg.bitmaps import bitmap_bytes, from_bitmap, to_bitmap
from tests.secagg.rounds import MORE


@given(st.lists(st.booleans(), min_size=1, max_size=70))
def test_members_survive(chosen):
    order = [f"{number:04d}" for number in range(len(chosen))]
    members = {name for name, bit in zip(order, chosen, strict=True) if bit}
    data = to_bitmap(members, order)
    assert len(data) == bitmap_bytes(len(order)) == -(-len(order) // 8)
    assert from_bitmap(data, order) == tuple(name for name in order if name in members)


def test_the_lowest_bit_is_the_first_client():
    assert to_bitmap(["ann", "cid"], MORE[:4]) == b"\x05"
    assert to_bitmap(MORE[8:9], MORE[:9]) == b"\x00\x01"


def test_strangers_have_no_bit():
    assert to_bitmap(["zoe"], MORE[:4]) == b"\x00"


@pytest.mark.parametrize("data", [b"", b"\0\0", b"\x10", b"\x80", b"\xff"])
def test_other_lengths_and_bits_behind_the_last_are_refused(data):
    with pytest.raises(WireError, match="damaged"):
        from_bitmap(data, MORE[:4])


@pytest.mark.parametrize("count", [1, 7, 8, 9, 16])
def test_every_bitmap_has_one_list(count):
    order = [f"{number:02d}" for number in range(count)]
    found = set()
    for value in range(2 ** min(count, 9)):
        members = from_bitmap(value.to_bytes(bitmap_bytes(count), "little"), order)
        assert to_bitmap(members, order) == value.to_bytes(bitmap_bytes(count), "little")
        found.add(members)
    assert len(found) == 2 ** min(count, 9)
