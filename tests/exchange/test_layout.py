"""A layout is the one agreement on names, shapes and order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradveil.exchange import InvalidUpdateError, Layout, LayoutMismatchError
from tests.exchange.strategies import layouts, vectors

TWO = Layout(("w", "b"), ((2, 3), (2,)))


@given(st.data())
def test_unflatten_then_flatten_is_the_identity(data):
    layout = data.draw(layouts())
    vector = data.draw(vectors(layout.size))
    assert np.array_equal(layout.flatten(layout.unflatten(vector)), vector)


@given(st.data())
def test_slices_tile_the_vector_in_order(data):
    layout = data.draw(layouts())
    covered = np.concatenate([np.arange(layout.size)[where] for where in layout.slices.values()])
    assert np.array_equal(covered, np.arange(layout.size))
    assert tuple(layout.slices) == layout.names


def test_of_takes_names_and_shapes_from_arrays():
    tensors = {"w": np.zeros((2, 3)), "b": np.zeros(2)}
    assert Layout.of(tensors) == TWO
    assert Layout.of(tensors).hash == TWO.hash


def test_the_weight_follows_the_last_parameter():
    assert (TWO.size, TWO.weight_coord, TWO.wire_size) == (8, 8, 9)


def test_a_scalar_is_one_coordinate():
    assert Layout(("s",), ((),)).size == 1


def test_unflatten_gives_views():
    vector = np.zeros(TWO.size, dtype=np.float32)
    TWO.unflatten(vector)["b"][0] = 7
    assert vector[6] == 7


def test_the_hash_is_the_same_on_every_machine():
    assert TWO.hash.hex() == "8dfab0d652fa973a6a3c91d7b9ea2493d32a00d8b20472056d7c2fca32d7196b"


@pytest.mark.parametrize(
    "other",
    [
        Layout(("b", "w"), ((2,), (2, 3))),
        Layout(("w", "c"), ((2, 3), (2,))),
        Layout(("w", "b"), ((3, 2), (2,))),
        Layout(("w",), ((2, 3),)),
    ],
    ids=["order", "name", "shape", "missing"],
)
def test_another_model_has_another_hash_and_is_refused(other):
    assert other.hash != TWO.hash
    with pytest.raises(LayoutMismatchError, match="same model"):
        TWO.require_same(other)


def test_a_mismatch_names_the_tensors_that_differ():
    with pytest.raises(LayoutMismatchError, match="b, c"):
        TWO.require_same(Layout(("w", "c"), ((2, 3), (2,))))


def test_flatten_refuses_another_model():
    with pytest.raises(LayoutMismatchError):
        TWO.flatten({"w": np.zeros((2, 3)), "b": np.zeros(3)})


def test_mask_of_marks_the_named_tensors():
    assert np.flatnonzero(TWO.mask_of(["b"])).tolist() == [6, 7]
    assert not TWO.mask_of([]).any()


def test_mask_of_an_unknown_tensor_lists_the_known_ones():
    with pytest.raises(LayoutMismatchError, match="w, b"):
        TWO.mask_of(["x"])


@pytest.mark.parametrize(
    ("names", "shapes"),
    [(("a", "a"), ((1,), (1,))), (("a",), ()), (("a",), ((0,),)), (("a",), ((2, -1),))],
    ids=["same name twice", "no shape", "empty tensor", "negative extent"],
)
def test_impossible_layouts_are_refused(names, shapes):
    with pytest.raises(InvalidUpdateError):
        Layout(names, shapes)
