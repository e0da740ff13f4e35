"""A selection is a mask bound to one layout."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradveil.exchange import InvalidUpdateError, Layout, LayoutMismatchError, Selection, WireError, wire
from tests.exchange.laws import assert_strict, bit_flips, truncations
from tests.exchange.strategies import selections

TEN = Layout(("v",), ((10,),))
OTHER = Layout(("other",), ((10,),))
KNOWN_DRAW = [1, 4, 7, 8]


def first(count, strategy="first"):
    return Selection(TEN, np.arange(10) < count, strategy)


@given(selections())
def test_bytes_round_trip(selection):
    found = Selection.from_bytes(selection.to_bytes(), selection.layout)
    assert np.array_equal(found.mask, selection.mask)
    assert (found.strategy, found.hash) == (selection.strategy, selection.hash)


@given(selections())
def test_coordinates_and_complement_split_the_parameters(selection):
    together = np.concatenate([selection.coords, selection.complement])
    assert np.array_equal(np.sort(together), np.arange(selection.layout.size))


@given(selections(), st.data())
def test_a_flipped_bit_is_refused_or_another_selection(selection, data):
    damaged = data.draw(bit_flips(selection.to_bytes()))
    assert_strict(lambda raw: Selection.from_bytes(raw, selection.layout), damaged)


@given(selections(), st.data())
def test_a_truncated_selection_is_refused(selection, data):
    with pytest.raises(WireError):
        Selection.from_bytes(data.draw(truncations(selection.to_bytes())), selection.layout)


def test_a_trailing_byte_is_refused():
    with pytest.raises(WireError):
        Selection.from_bytes(first(3).to_bytes() + b"\0", TEN)


def test_ratio_is_the_protected_share():
    assert [first(count).ratio for count in (0, 3, 10)] == [0.0, 0.3, 1.0]


def test_ratio_nonzero_counts_only_what_an_update_holds():
    sparse = np.array([1, 0, 2, 0, 0, 0, 0, 0, 3, 4], dtype=np.float32)
    assert first(3).ratio_nonzero(sparse) == 0.5


def test_ratio_nonzero_of_a_zero_vector_is_zero():
    assert first(3).ratio_nonzero(np.zeros(10, np.float32)) == 0.0


def test_the_hash_binds_the_coordinates_and_the_layout_but_not_the_name():
    assert first(3).hash == first(3, "renamed").hash
    assert first(3).hash != first(4).hash
    assert first(3).hash != Selection(OTHER, first(3).mask, "first").hash


@pytest.mark.parametrize(
    "mask", [np.zeros(9, np.bool_), np.zeros(10, np.int8), np.zeros((10, 1), np.bool_)], ids=str
)
def test_a_mask_of_another_type_or_shape_is_refused(mask):
    with pytest.raises(LayoutMismatchError, match="mask"):
        Selection(TEN, mask, "wrong")


def test_a_saved_selection_loads(tmp_path):
    path = tmp_path / "deep" / "down.sel"
    first(4).save(path)
    assert np.array_equal(Selection.load(path, TEN).mask, first(4).mask)
    assert path.read_bytes() == first(4).to_bytes()


def test_a_selection_of_another_model_does_not_load(tmp_path):
    first(4).save(tmp_path / "selection")
    with pytest.raises(LayoutMismatchError, match="another model"):
        Selection.load(tmp_path / "selection", OTHER)


def test_an_oversized_file_is_refused(tmp_path):
    (tmp_path / "selection").write_bytes(bytes(5000))
    with pytest.raises(WireError, match="exceed the limit"):
        Selection.load(tmp_path / "selection", TEN)


def test_an_overlong_strategy_is_refused():
    with pytest.raises(WireError, match="longer than 200"):
        first(1, "x" * 201)


def test_a_seeded_selection_travels_as_its_seed_and_comes_back():
    large = Layout(("v",), ((100_000,),))
    drawn = Selection.from_seed(large, 10_000, bytes(range(32)))
    sent = drawn.to_bytes()
    found = Selection.from_bytes(sent, large)
    assert len(sent) < 150
    assert (int(found.mask.sum()), found.hash, found.to_bytes()) == (10_000, drawn.hash, sent)


def test_a_seeded_selection_has_the_hash_of_its_coordinates():
    drawn = Selection.from_seed(TEN, 4, bytes(32))
    assert drawn.hash == Selection(TEN, drawn.mask, "other name").hash


def test_seeds_choose_the_same_coordinates_on_every_machine():
    assert Selection.from_seed(TEN, 4, bytes(32)).coords.tolist() == KNOWN_DRAW


def test_seeded_draws_are_uniform():
    draws = [Selection.from_seed(TEN, 3, bytes([i % 256, i // 256]) + bytes(30)).mask for i in range(2000)]
    share = np.mean(draws, axis=0)
    assert np.abs(share - 0.3).max() < 5 * np.sqrt(0.3 * 0.7 / 2000)


@pytest.mark.parametrize("seed", [b"", bytes(31), bytes(33)])
def test_a_seed_of_another_length_is_refused(seed):
    with pytest.raises(InvalidUpdateError, match="32 bytes"):
        Selection.from_seed(TEN, 1, seed)


@pytest.mark.parametrize("body", [b"s", b"s" + bytes(35), b"s" + bytes(37), b"s" + bytes(32) + b"\x0b\0\0\0"])
def test_a_damaged_seeded_form_is_refused(body):
    data = wire.pack("selection", 1, [TEN.hash, "random", body])
    with pytest.raises(WireError, match="seed of a selection"):
        Selection.from_bytes(data, TEN)
