import pytest

from gradveil.records import RecordStore, summarise
from gradveil.report.layers import Cell, layer_map


@pytest.fixture(scope="module")
def rows(run_dir):
    return [row for row in summarise(RecordStore(run_dir).load()) if row.model == "lenet"]


def test_a_line_a_selection_and_a_column_a_tensor(rows):
    found = layer_map(rows)
    assert found.tensors == ["conv.weight", "fc.weight"]
    lines = dict(found.rows)
    assert lines["CKKS magnitude 10 %"] == [Cell(10, "10"), Cell(30, "30")]
    assert lines["CKKS all"] == [Cell(100, "100")] * 2


def test_a_share_too_small_to_round_is_not_zero(rows):
    assert dict(layer_map(rows).rows)["CKKS named 2.2 %"][0] == Cell(0, "<1")


def test_defenses_without_a_selection_have_no_line(rows):
    assert not layer_map([row for row in rows if row.strategy is None]).rows
