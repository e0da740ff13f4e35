"""Updates and layouts come from files that nobody vouches for."""

import json
import struct

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save, save_file

from gradveil.exchange import GradveilError, InvalidUpdateError, Layout, LayoutMismatchError
from gradveil.inspection import InspectionError
from gradveil.inspection.files import read_layout, read_update, reordered

LAYOUT = Layout(("b", "a"), ((3,), (2, 2)))
TENSORS = {"a": torch.tensor([[1.0, 2.0], [3.0, 4.0]]), "b": torch.tensor([5.0, 6.0, 7.0])}
VECTOR = [5, 6, 7, 1, 2, 3, 4]


def written(tmp_path, data):
    path = tmp_path / "update.safetensors"
    path.write_bytes(data)
    return path


def with_header(header, body=bytes(28)):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def entry(dtype="F32", shape=(2, 2), offsets=(0, 16)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


WHOLE = {"a": entry(), "b": entry(shape=(3,), offsets=(16, 28))}


def test_named_tensors_come_in_the_order_of_the_layout(tmp_path):
    found = read_update(written(tmp_path, save(TENSORS)), LAYOUT, flat=False)
    assert (found.dtype, found.tolist()) == (np.float32, VECTOR)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_every_floating_type_is_read(tmp_path, dtype):
    data = save({name: tensor.to(dtype) for name, tensor in TENSORS.items()})
    assert read_update(written(tmp_path, data), LAYOUT, flat=False).tolist() == VECTOR


def test_a_flat_vector_is_already_in_the_order_of_its_layout(tmp_path):
    data = save({"update": torch.tensor(VECTOR, dtype=torch.float32)})
    assert read_update(written(tmp_path, data), LAYOUT, flat=True).tolist() == VECTOR


def test_a_parameter_may_be_called_update(tmp_path):
    data = save({"update": torch.ones(2, 2)})
    found = read_update(written(tmp_path, data), Layout(("update",), ((2, 2),)), flat=False)
    assert found.tolist() == [1, 1, 1, 1]


def test_a_flat_vector_needs_a_layout(tmp_path):
    with pytest.raises(InspectionError, match="holds one flat vector; say by --layout"):
        read_update(written(tmp_path, save({"update": torch.ones(7)})), LAYOUT, flat=False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"a": None}, "lacks a; save the gradients"),
        ({"running_mean": torch.ones(3)}, "holds running_mean, no parameter; save"),
        ({"a": None, "c": torch.ones(4)}, "lacks a and holds c, no parameter"),
        ({"a": torch.ones(4)}, r"tensor 'a' is \(4,\), not \(2, 2\)"),
        ({"b": torch.ones(3, 1)}, r"tensor 'b' is \(3, 1\), not \(3,\)"),
    ],
)
def test_other_names_and_shapes_are_named(tmp_path, change, words):
    tensors = {name: tensor for name, tensor in (TENSORS | change).items() if tensor is not None}
    with pytest.raises(LayoutMismatchError, match=words):
        read_update(written(tmp_path, save(tensors)), LAYOUT, flat=False)


@pytest.mark.parametrize("size", [6, 8])
def test_a_flat_vector_of_another_length_is_refused(tmp_path, size):
    with pytest.raises(LayoutMismatchError, match=rf"'update' is \({size},\), not \(7,\)"):
        read_update(written(tmp_path, save({"update": torch.ones(size)})), LAYOUT, flat=True)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf, 1e300])
def test_values_that_float32_does_not_have_are_refused(tmp_path, value):
    bad = torch.tensor([0, value, 0], dtype=torch.float64)
    with pytest.raises(InvalidUpdateError, match="tensor 'b' is NaN or infinite"):
        read_update(written(tmp_path, save(TENSORS | {"b": bad})), LAYOUT, flat=False)


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64])
def test_values_that_are_no_floating_point_numbers_are_refused(tmp_path, dtype):
    with pytest.raises(InvalidUpdateError, match="save floating-point gradients"):
        read_update(written(tmp_path, save(TENSORS | {"b": torch.ones(3).to(dtype)})), LAYOUT, flat=False)


def test_the_files_made_by_hand_here_are_sound(tmp_path):
    assert read_update(written(tmp_path, with_header(WHOLE)), LAYOUT, flat=False).tolist() == [0] * 7


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x08",
        b"\x80\x04K\x01.",  # a pickle
        b"PK\x03\x04" + bytes(40),  # torch.save's archive
        with_header(b""),
        with_header(b"{"),
        with_header(b"[]"),
        with_header(b"\xff\xfe"),
        with_header(b'{"a":' * 5_000),
        with_header(WHOLE, bytes(27)),
        with_header(WHOLE, bytes(29)),
        with_header(WHOLE | {"a": entry(dtype="PICKLE")}),
        with_header(WHOLE | {"a": entry(shape=(2, -2))}),
        with_header(WHOLE | {"a": entry(shape=(2**40, 2**40))}),
        with_header(WHOLE | {"a": entry(offsets=(0, 2**63))}),
        with_header(WHOLE | {"a": entry(offsets=(16, 0))}),
        with_header(WHOLE | {"b": entry(shape=(3,), offsets=(4, 16))}),
        with_header(json.dumps(WHOLE).replace('"b"', '"a"').encode()),
    ],
    ids=range(18),
)
def test_broken_and_foreign_files_are_refused(tmp_path, data):
    with pytest.raises(InspectionError, match=r"no whole safetensors file .*; write it with"):
        read_update(written(tmp_path, data), LAYOUT, flat=False)


def test_a_header_is_not_read_however_long_it_claims_to_be(tmp_path):
    with pytest.raises(InspectionError, match=r"no whole safetensors file .*its header claims over"):
        read_update(written(tmp_path, struct.pack("<Q", 2**22 + 1) + bytes(100)), LAYOUT, flat=False)


def test_a_file_is_not_read_that_is_larger_than_any_update_of_this_model(tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(InspectionError, match="larger than an update of 7 values"):
        read_update(path, LAYOUT, flat=False)


@given(st.integers(0, len(save(TENSORS)) - 1))
@settings(max_examples=60)
def test_no_shorter_file_is_whole(tmp_path_factory, length):
    path = tmp_path_factory.mktemp("short") / "update"
    path.write_bytes(save(TENSORS)[:length])
    with pytest.raises(InspectionError):
        read_update(path, LAYOUT, flat=False)


@given(st.binary(max_size=200))
@settings(max_examples=100)
def test_whatever_the_bytes_the_error_is_ours(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("any") / "update"
    path.write_bytes(data)
    with pytest.raises(GradveilError):
        read_update(path, LAYOUT, flat=True)


def test_a_layout_keeps_the_order_of_its_file(tmp_path):
    path = tmp_path / "layout.json"
    path.write_text('{"b": [3], "a": [2, 2]}')
    assert read_layout(path).hash == LAYOUT.hash


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "3",
        "null",
        '"ab"',
        "{}",
        "[[1]]",
        '{"a": 3}',
        '{"a": ["3"]}',
        '{"a": [true]}',
        '{"a": [0]}',
        '{"a": [-1]}',
        '{"a": [[3]]}',
        '{"a": [99999, 99999]}',
        '{"a": [3], "a": [3]}',
        '{"a": [NaN]}',
        "[" * 100_000,
        '{"a": [' + "9" * 5_000 + "]}",
        " " * (2**22 + 1),
    ],
    ids=range(19),
)
def test_what_is_no_layout_is_refused(tmp_path, text):
    path = tmp_path / "layout.json"
    path.write_text(text)
    with pytest.raises(InspectionError, match=r"layout\.json is no layout"):
        read_layout(path)


def test_a_layout_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "layout.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InspectionError, match="is no layout"):
        read_layout(path)


def test_a_vector_follows_its_tensors_to_another_order():
    other = Layout(("a", "b"), ((2, 2), (3,)))
    assert reordered(np.array(VECTOR), LAYOUT, other).tolist() == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (Layout(("a",), ((2, 2),)), r"'b' is absent in the model and \(3,\) in the layout"),
        (Layout(("a", "b", "c"), ((2, 2), (3,), (1,))), r"'c' is \(1,\) in the model and absent"),
        (Layout(("a", "b"), ((4,), (3,))), r"'a' is \(4,\) in the model and \(2, 2\) in the layout"),
    ],
)
def test_layouts_of_other_tensors_are_refused(other, words):
    with pytest.raises(LayoutMismatchError, match=words):
        reordered(np.array(VECTOR), LAYOUT, other)


def test_a_file_of_safetensors_own_writer_is_read(tmp_path):
    save_file(TENSORS, tmp_path / "update", metadata={"format": "pt"})
    assert read_update(tmp_path / "update", LAYOUT, flat=False).tolist() == VECTOR
