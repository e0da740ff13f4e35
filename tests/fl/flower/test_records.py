"""Flower's records and flat vectors."""

import numpy as np
import pytest

pytest.importorskip("flwr")

from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord, RecordDict

from gradveil.exchange import InvalidUpdateError, LayoutMismatchError, WireError
from gradveil.fl.flower import Checkpoint, layout_of
from gradveil.fl.flower.records import (
    flatten,
    given_of,
    only,
    opaque,
    payload_of,
    replaced,
    with_payload,
    without_payload,
)
from tests.fl.flower.apps import LAYOUT, MODEL, arrays, values_of


def test_a_model_survives_the_way_through_a_vector():
    found = replaced(arrays(), LAYOUT, flatten(arrays(), LAYOUT))
    for name, value in values_of(found).items():
        assert value.dtype == MODEL[name].dtype
        assert value.shape == MODEL[name].shape
        assert np.allclose(value, MODEL[name])
    assert layout_of(arrays()) == LAYOUT


def test_whole_numbers_are_rounded_to_the_nearest():
    vector = flatten(arrays(), LAYOUT)
    vector[LAYOUT.slices["norm.batches"]] = 4.6
    assert replaced(arrays(), LAYOUT, vector)["norm.batches"].numpy() == 5


def test_another_model_is_refused():
    with pytest.raises(LayoutMismatchError):
        flatten(arrays({"other": np.zeros(3, np.float32)}), LAYOUT)


def test_bytes_travel_beside_the_applications_records():
    content = with_payload(RecordDict({"arrays": arrays()}), b"payload", opaque(b"sealed"))
    assert payload_of(content) == (b"payload", b"sealed")
    assert set(without_payload(content)) == {"arrays"}
    assert payload_of(with_payload(RecordDict(), b"payload")) == (b"payload", b"")
    assert payload_of(RecordDict({"arrays": arrays()})) is None


@pytest.mark.parametrize(
    "record",
    [
        ConfigRecord({"payload": b"x"}),
        ArrayRecord({"other": opaque(b"x")}),
        ArrayRecord({"payload": opaque(b"x"), "more": opaque(b"y")}),
        ArrayRecord({"payload": Array(np.zeros(3))}),
    ],
    ids=["config", "no payload", "more", "numbers"],
)
def test_a_record_of_ours_has_one_form(record):
    with pytest.raises(WireError):
        payload_of(RecordDict({"gradveil": record}))


@pytest.mark.parametrize("count", [0, 2])
def test_all_values_are_in_one_record(count):
    content = RecordDict({f"arrays-{number}": arrays() for number in range(count)})
    with pytest.raises(InvalidUpdateError, match=f"{count} ArrayRecords"):
        only(content, ArrayRecord)


def changed(**values):
    return RecordDict(
        {"arrays": arrays({**MODEL, **values}), "config": ConfigRecord({"lr": 0.1, "ids": [1]})}
    )


def test_what_is_given_is_hashed_to_the_last_bit():
    given = given_of(changed(), b"")
    assert given_of(with_payload(changed(), b"request"), b"") == given
    assert given_of(changed(), b"sealed").model != given.model
    bias = np.zeros(2, np.float32)
    bias[1] = np.float32(1e-45)
    assert given_of(changed(**{"conv.bias": bias}), b"").model != given.model
    other = changed()
    assert given_of(other, b"") == given
    other["config"]["lr"] = np.nextafter(0.1, 1).item()
    assert given_of(other, b"").config != given.config
    assert given_of(other, b"").model == given.model
    other["metrics"] = MetricRecord({"x": 1})
    assert given_of(other, b"").config != given.config


def test_a_checkpoint_survives_its_file(tmp_path):
    path = tmp_path / "checkpoint"
    Checkpoint(bytes(32), 5, 2, b"sealed", arrays()).save(path)
    found = Checkpoint.load(path)
    assert (found.plan, found.opened, found.finished, found.sealed) == (bytes(32), 5, 2, b"sealed")
    assert {name: array.data for name, array in found.arrays.items()} == {
        name: array.data for name, array in arrays().items()
    }
    Checkpoint(bytes(32)).save(path)
    assert Checkpoint.load(path).arrays is None


def test_a_damaged_checkpoint_is_refused(tmp_path):
    path = tmp_path / "checkpoint"
    Checkpoint(bytes(32), 5, 2, b"sealed", arrays()).save(path)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(WireError):
        Checkpoint.load(path)
