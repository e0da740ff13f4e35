"""A plan's file: one form, strict, bounded, whole or not there."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import he
from gradveil.exchange import GradveilError, Layout, LayoutMismatchError, Selection, WireError, wire
from gradveil.plan import Masking, Plan, PlanError, from_bytes, load, save
from gradveil.plan.description import VERSION
from gradveil.plan.file import MAX_BYTES
from tests.exchange.laws import assert_strict, bit_flips, truncations
from tests.plan.strategies import plans

LAYOUT = Layout(("a", "b"), ((3,), (2,)))
PLAN = Plan.of(
    LAYOUT,
    clients=5,
    max_weight=10,
    masking=Masking(threshold=4, clip=1.0),
    encrypted=Selection(LAYOUT, LAYOUT.mask_of(["a"]), "named"),
    encryption=he.CkksParams.for_(clients=5, value_range=8.0, precision_bits=20),
)


def fields(plan=PLAN):
    return wire.unpack(plan.to_bytes(), "plan", VERSION, (str, bytes, bytes, bytes), max_bytes=MAX_BYTES)


def changed(**entries):
    text, *parts = fields()
    described = json.loads(text) | entries
    return wire.pack("plan", VERSION, [json.dumps(described, sort_keys=True, separators=(",", ":")), *parts])


@given(plans())
def test_bytes_round_trip(plan):
    found = from_bytes(plan.to_bytes())
    assert found.hash == plan.hash
    assert found.layout == plan.layout
    assert np.array_equal(found.masked, plan.masked)
    assert (found.masking, found.encryption, found.metrics) == (plan.masking, plan.encryption, plan.metrics)


@given(plans(), st.data())
def test_a_flipped_bit_is_refused_or_another_plan(plan, data):
    assert_strict(from_bytes, data.draw(bit_flips(plan.to_bytes())))


@given(plans(), st.data())
def test_a_truncated_plan_is_refused(plan, data):
    with pytest.raises(WireError):
        from_bytes(data.draw(truncations(plan.to_bytes())))


def test_a_file_round_trip(tmp_path):
    save(PLAN, tmp_path / "job.plan")
    assert load(tmp_path / "job.plan").hash == PLAN.hash
    assert [each.name for each in tmp_path.iterdir()] == ["job.plan"]


def test_a_failed_write_leaves_the_old_plan(tmp_path, monkeypatch):
    path = tmp_path / "job.plan"
    save(PLAN, path)
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        save(PLAN, path)
    monkeypatch.undo()
    assert load(path).hash == PLAN.hash
    assert [each.name for each in tmp_path.iterdir()] == ["job.plan"]


def test_a_random_selection_travels_as_its_seed():
    layout = Layout(("w",), ((10_000,),))
    masking = Masking(threshold=4, clip=1.0)
    drawn = Selection.from_seed(layout, 5000, bytes(32))
    plan = Plan.of(layout, clients=5, max_weight=10, masking=masking, clear=drawn)
    assert len(plan.to_bytes()) < 700
    assert np.array_equal(from_bytes(plan.to_bytes()).clear.mask, drawn.mask)


@pytest.mark.parametrize(
    ("entries", "match"),
    [
        ({"extra": 1}, "extra"),
        ({"clients": "5"}, "clients"),
        ({"clients": 5.0}, "clients"),
        ({"clients": True}, "clients"),
        ({"weight": "hidden"}, "weight"),
        ({"metrics": [["loss", 1.0]]}, "metrics"),
        ({"metrics": [{"name": "loss", "limit": "much", "purpose": "train"}]}, "limit"),
        ({"masking": {"threshold": 4}}, "clip"),
        ({"masking": {"threshold": 4, "clip": 1.0, "shrunk": [{"tensor": "b"}]}}, "factor"),
        ({"layout": {"names": ["a"], "shapes": [["x"]]}}, "shapes"),
        ({"layout": None}, "layout"),
    ],
    ids=str,
)
def test_a_field_that_is_unknown_or_of_another_type_is_named(entries, match):
    with pytest.raises(WireError, match=match):
        from_bytes(changed(**entries))


@pytest.mark.parametrize(
    "entries",
    [
        {"encryption": None},
        {"encryption": {"scheme": "rot13"}},
        {"encryption": {"scheme": "ckks", "poly_degree": 1024}},
        {"masking": None},
        {"min_clients": 99},
        {"layout": {"names": ["a", "b"], "shapes": [[3], [3]]}},
        {"layout": {"names": ["a", "a"], "shapes": [[3], [2]]}},
    ],
    ids=str,
)
def test_a_plan_that_cannot_work_is_not_read(entries):
    with pytest.raises(GradveilError):
        from_bytes(changed(**entries))


def test_coordinates_are_bound_to_the_layout():
    with pytest.raises(LayoutMismatchError):
        from_bytes(changed(layout={"names": ["a", "c"], "shapes": [[3], [2]]}))


def test_a_few_bytes_do_not_become_a_huge_mask():
    with pytest.raises(PlanError, match="parameters exceed"):
        from_bytes(changed(layout={"names": ["a"], "shapes": [[2**16, 2**14]]}))


@pytest.mark.parametrize("spelling", ["spaces", "order", "twice"])
def test_there_is_one_spelling_of_a_description(spelling):
    text, *parts = fields()
    described = json.loads(text)
    spelt = {
        "spaces": json.dumps(described, sort_keys=True),
        "order": json.dumps(dict(reversed(described.items())), separators=(",", ":")),
        "twice": '{"clients":9,' + text[1:],
    }[spelling]
    with pytest.raises(WireError, match="canonical"):
        from_bytes(wire.pack("plan", VERSION, [spelt, *parts]))


def test_another_version_is_refused():
    with pytest.raises(WireError, match="version"):
        from_bytes(wire.pack("plan", VERSION - 1, fields()))


def test_an_oversized_file_is_not_parsed(tmp_path, monkeypatch):
    monkeypatch.setattr("gradveil.plan.file.MAX_BYTES", 100)
    save(PLAN, tmp_path / "job.plan")
    with pytest.raises(WireError, match="exceed"):
        load(tmp_path / "job.plan")
