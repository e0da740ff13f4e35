import json
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradveil.records import Record, RecordError, from_json

FIELDS = [field.name for field in fields(Record)]
DETERMINISTIC = settings(derandomize=True, deadline=None, database=None)

finite = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | finite | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3),
    max_leaves=6,
)
FLOATS = [name for name in FIELDS if name.startswith("seconds_")] + [
    "psnr",
    "ssim",
    "mse",
    "rank100",
    "ratio",
]


def test_fields_and_their_order(record):
    trial = ["schema", "status", "model", "data", "train_steps", "model_accuracy", "defense", "knobs"]
    trial += ["strategy", "ratio", "ratio_nonzero", "layers", "visible", "predicted_psnr", "clients"]
    leakage = ["batch", "attack", "knows", "psnr", "ssim", "mse", "label_accuracy", "rank100"]
    cost = ["bytes_up", "bytes_down", "seconds_client", "seconds_server", "seconds_attack", "aggregate_error"]
    origin = ["seed", "victim", "versions", "machine", "key", "claim", "error"]
    assert [*trial, *leakage, *cost, *origin] == FIELDS
    assert list(json.loads(record.to_json())) == FIELDS


@DETERMINISTIC
@given(
    knows=st.dictionaries(st.text(st.characters(codec="utf-8")), json_values, max_size=4),
    psnr=st.none() | finite,
    seconds=st.floats(0, 1e9),
    seed=st.integers(-(2**62), 2**62),
    claim=st.text(st.characters(codec="utf-8")),
    key=st.text("0123456789abcdef", min_size=1, max_size=64),
)
def test_round_trip(record, knows, psnr, seconds, seed, claim, key):
    changes = {
        "knows": knows,
        "psnr": psnr,
        "seconds_attack": seconds,
        "seed": seed,
        "claim": claim,
        "key": key,
    }
    changed = replace(record, **changes)
    line = changed.to_json()
    assert "\n" not in line
    assert from_json(line) == changed


@pytest.mark.parametrize("name", FIELDS)
def test_a_missing_field_is_named(record, name):
    content = json.loads(record.to_json())
    del content[name]
    with pytest.raises(RecordError, match=f"'{name}'"):
        from_json(json.dumps(content))


@pytest.mark.parametrize("name", FIELDS)
def test_a_wrong_type_is_named(record, name):
    content = json.loads(record.to_json()) | {name: [1]}
    with pytest.raises(RecordError, match=f"'{name}'"):
        from_json(json.dumps(content))


def test_an_unknown_field_is_named(record):
    content = json.loads(record.to_json()) | {"colour": "red"}
    with pytest.raises(RecordError, match="'colour'"):
        from_json(json.dumps(content))


def test_another_version_says_so(record):
    with pytest.raises(RecordError, match="version 3, but this gradveil reads version 2"):
        from_json(json.dumps(json.loads(record.to_json()) | {"schema": 3}))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", FLOATS)
def test_non_finite_numbers_are_refused(record, name, value):
    with pytest.raises(RecordError, match=f"'{name}'"):
        replace(record, **{name: value}).to_json()


@pytest.mark.parametrize("name", ["knows", "versions", "machine"])
@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {"deep": float("nan")}])
def test_non_finite_numbers_are_refused_inside_objects(record, name, value):
    with pytest.raises(RecordError, match=f"'{name}'"):
        replace(record, **{name: {"x": value}}).to_json()
    line = json.dumps(json.loads(record.to_json()) | {name: {"x": value}})
    with pytest.raises(RecordError, match=f"'{name}'"):
        from_json(line)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("schema", True),
        ("status", "done"),
        ("seed", 1.5),
        ("victim", -1),
        ("clients", 0),
        ("ratio", 1.5),
        ("bytes_up", -1),
        ("bytes_up", True),
        ("psnr", "8"),
        ("seconds_client", -0.1),
        ("model", ""),
        ("train_steps", -1),
        ("model_accuracy", 1.1),
        ("knobs", {"parts": ["sign"]}),
        ("knobs", {"std": float("nan")}),
        ("key", ""),
        ("key", "../../etc"),
        ("key", "A0"),
        ("error", "one\nline"),
        ("error", "a reason, yet status is ok"),
    ],
)
def test_a_value_out_of_its_range_is_named(record, name, value):
    with pytest.raises(RecordError, match=f"'{name}'"):
        replace(record, **{name: value}).to_json()


def test_a_trial_without_result_needs_a_reason(record):
    with pytest.raises(RecordError, match="'error'"):
        replace(record, status="failed").to_json()
    failed = replace(record, status="failed", error="OSError: disk")
    assert from_json(failed.to_json()) == failed


def test_numpy_scalars_are_refused_with_a_remedy(record):
    with pytest.raises(RecordError, match="plain int"):
        replace(record, bytes_up=np.int64(3)).to_json()


@pytest.mark.parametrize("line", ["", "{", "[]", "null", "1", '"x"', "{}x"])
def test_what_is_no_record_is_refused(line):
    with pytest.raises(RecordError):
        from_json(line)


@DETERMINISTIC
@given(st.data())
def test_a_cut_line_is_refused(record, data):
    line = record.to_json()
    cut = data.draw(st.integers(0, len(line) - 1))
    with pytest.raises(RecordError):
        from_json(line[:cut])


def test_without_times_leaves_out_times_only(record):
    kept = record.without_times()
    assert set(FIELDS) - set(kept) == {"seconds_client", "seconds_server", "seconds_attack"}
    assert replace(record, seconds_client=9.0).without_times() == kept
    assert replace(record, psnr=9.0).without_times() != kept
