import re
from dataclasses import replace

import pytest

from gradveil.records import RecordStore, summarise
from gradveil.records.utility import load_utilities
from gradveil.report.convergence import convergence


@pytest.fixture(scope="module")
def rows(run_dir):
    found = summarise(RecordStore(run_dir).load(), load_utilities(run_dir))
    return [row for row in found if row.model == "lenet"]


def test_a_curve_for_every_training_that_ended(rows):
    drawing = convergence(rows)
    assert drawing == convergence(rows)
    ended = [str(at) for at, row in enumerate(rows) if row.trained.accuracy]
    assert re.findall(r'class="curve" data-setting="(\d+)"', drawing) == ended
    assert len(ended) == len(rows) - 1
    assert all(f">{rows[int(at)].label}</text>" in drawing for at in ended)


def test_curves_differ_by_more_than_colour(rows):
    many = [replace(row, knobs=(("copy", copy),)) for copy in range(3) for row in rows]
    found = re.findall(
        r'class="curve" data-setting="\d+">(.*?)<use xlink:href="#(\w+)"', convergence(many), re.S
    )
    looks = {(re.search(r"stroke-dasharray: ([\d., ]+)", line) or [""])[0] + mark for line, mark in found}
    assert len(looks) == len(found) == 30


def test_nothing_trained_is_nothing_drawn(rows):
    assert convergence([replace(row, trained=None) for row in rows]) is None
    assert convergence([row for row in rows if row.strategy == "named"]) is None


def test_a_long_name_does_not_push_the_plot_aside(rows):
    drawing = convergence([replace(rows[0], defense="x" * 300)])
    assert "x" * 100 not in drawing
    assert "xxx\N{HORIZONTAL ELLIPSIS}" in drawing
