"""Which training a setting gets, what it came to, and what of it is lost."""

from dataclasses import replace

import pytest

from gradveil.records import RecordError, setting_of, summarise
from gradveil.records.accuracy import accuracy_interval, trained
from gradveil.records.columns import COLUMNS, columns
from gradveil.records.utility import load_utilities, utility_path
from tests.report.conftest import training

HIDDEN = ("selective_ckks", "magnitude", 0.1)


@pytest.fixture
def setting(record):
    return setting_of(replace(record, model="mlp", clients=5))


@pytest.fixture
def behind():
    return training("mlp", HIDDEN, 0.8)


@pytest.fixture
def plain():
    return training("mlp", ("identity", None, None), 0.9)


def test_accuracy_in_percent_with_what_is_lost(setting, behind, plain):
    found = trained(setting, [behind, plain])
    assert (found.accuracy.mean, found.seeds, found.rounds, found.errors) == (80, 1, 200, ())
    assert found.accuracy.low < 80 < found.accuracy.high
    assert found.lost == pytest.approx(10)
    assert (found.curve[0], found.curve[-1]) == ((0, 0), (200, 80))


@pytest.mark.parametrize(
    "change",
    [
        {"model": "cnn"},
        {"data": "photos"},
        {"defense": "hybrid"},
        {"knobs": {"a": 1}},
        {"strategy": "random"},
        {"ratio": 0.2},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_training_of_something_else_is_of_no_use(setting, behind, change):
    assert trained(setting, [replace(behind, **change)]) is None


def test_seeds_are_taken_together_and_compared_seed_by_seed(setting, behind, plain):
    other = [replace(one, seed=8, accuracy=one.accuracy - 0.2) for one in (behind, plain)]
    found = trained(setting, [behind, plain, *other])
    assert (found.accuracy.mean, found.seeds, found.lost) == (pytest.approx(70), 2, pytest.approx(10))
    alone = trained(setting, [behind, plain, other[0]])
    assert alone.lost == pytest.approx(10)  # the second seed has nothing to be compared with


def test_as_many_clients_come_before_a_longer_training(setting, behind):
    longer = replace(behind, clients=9, rounds=400)
    assert trained(setting, [behind, longer]).clients == 5
    assert trained(setting, [longer]).clients == 9


def test_what_failed_says_why_and_counts_for_nothing(setting, behind, plain):
    failed = replace(behind, seed=8, accuracy=None, curve=(), error="DefenseError: no")
    found = trained(setting, [behind, failed, plain])
    assert (found.seeds, found.accuracy.mean, found.errors) == (1, 80, ("DefenseError: no",))
    alone = trained(setting, [failed])
    assert (alone.seeds, alone.accuracy, alone.lost, alone.curve) == (0, None, None, ())


def test_an_interval_knows_more_images(behind):
    few, many = (accuracy_interval([replace(behind, held_out=count)]) for count in (100, 10_000))
    assert many.high - many.low < (few.high - few.low) / 5
    assert accuracy_interval([]) is None


def test_a_table_has_accuracies_only_where_there_are_some(record, behind):
    one = replace(record, model="mlp", clients=5)
    (without,), (row,) = summarise([one]), summarise([one], [behind])
    headings = {column.heading for column in columns([row])}
    assert {column.heading for column in columns([without])} == headings - {"acc.", "lost"}
    cells = {column.heading: column.cell(row) for column in COLUMNS}
    assert (cells["acc."], cells["lost"]) == ("80.0", "\N{EN DASH}")


def test_what_is_saved_is_read(behind, tmp_path):
    behind.save(tmp_path)
    assert load_utilities(tmp_path) == [behind]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"accuracy": None}, "error"),
        ({"accuracy": 0.7}, "curve"),
        ({"curve": ()}, "curve"),
        ({"curve": ((0, float("nan")),)}, "curve"),
        ({"held_out": 0}, "held_out"),
    ],
    ids=["no reason", "another end", "no end", "nan", "no images"],
)
def test_a_training_that_contradicts_itself_is_not_written(behind, tmp_path, change, field):
    broken = replace(behind, **change)
    with pytest.raises(RecordError, match=field):
        broken.save(tmp_path)
    assert not utility_path(tmp_path, broken.key).exists()
