import itertools
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradveil.records import Interval, RecordStore, summarise
from gradveil.records.utility import load_utilities
from gradveil.report.placement import _box, name_points
from gradveil.report.plots import ACCURACY, CLIENT_TIME, UPLOAD, by_ratio, drawable, frontier
from gradveil.report.svg import new_axes, style

DETERMINISTIC = settings(derandomize=True, deadline=None, database=None, max_examples=15)


@pytest.fixture(scope="module")
def rows(run_dir):
    found = summarise(RecordStore(run_dir).load(), load_utilities(run_dir))
    return [row for row in found if row.model == "mlp"]


@pytest.mark.parametrize("cost", [UPLOAD, CLIENT_TIME, ACCURACY], ids=["bytes", "seconds", "accuracy"])
def test_a_frontier_is_a_bare_svg_with_page_colours(rows, cost):
    drawing = frontier(rows, cost)
    assert drawing.startswith("<svg ")
    assert drawing == frontier(rows, cost)
    assert "var(--naive)" in drawing
    assert "var(--worst)" in drawing
    assert "metadata" not in drawing
    assert f"{cost.label} (log scale)" in drawing or not cost.log
    assert cost.label in drawing


@pytest.mark.parametrize("cost", [UPLOAD, ACCURACY], ids=["bytes", "accuracy"])
def test_points_are_tagged_with_the_place_of_their_row(rows, cost):
    found = re.findall(r'class="point" data-setting="(\d+)"', frontier(rows, cost))
    assert found == [str(at) for at, row in enumerate(rows) if row in drawable(rows, cost)]
    assert len(found) == len(rows) - (cost is ACCURACY)


def test_no_accuracy_at_all_is_still_a_place(rows):
    useless = replace(rows[0].trained, accuracy=Interval(0.0, 0.0, 0.0))
    assert drawable([replace(rows[0], trained=useless)], ACCURACY)
    assert not drawable([replace(rows[0], trained=None)], ACCURACY)


def test_a_name_is_no_formula(rows):
    assert ">cost $x_1$ \\frac{</text>" in frontier([replace(rows[0], defense="cost $x_1$ \\frac{")], UPLOAD)


def test_no_colour_escapes_the_page(rows):
    for drawing in (frontier(rows, UPLOAD), by_ratio(rows)):
        assert "#0" not in drawing.replace('"#', "").replace("url(#", "")


def test_a_frontier_of_nothing_is_still_a_plot():
    assert frontier([], UPLOAD).startswith("<svg ")


def test_settings_without_cost_are_left_out(rows):
    free = type(UPLOAD)("free", lambda row: 0 if row.label == "no defense" else 1.0)
    assert [row.label for row in rows if row not in drawable(rows, free)] == ["no defense"]


def test_by_ratio_shows_each_share_once(rows):
    drawing = by_ratio(rows)
    for share in ("1 %", "5 %", "10 %", "30 %"):
        assert drawing.count(f">{share}</text>") == 1
    assert by_ratio([row for row in rows if row.strategy != "magnitude"]) is None


points = st.lists(
    st.tuples(st.floats(0.1, 0.9), st.floats(0.1, 0.9)).map(lambda p: (round(p[0], 2), round(p[1], 2))),
    min_size=1,
    max_size=8,
    unique=True,
)


@DETERMINISTIC
@given(points)
def test_names_cover_neither_each_other_nor_a_marker(places):
    with style():
        figure, axes = new_axes(13.8, 8)
        axes.set(xlim=(0, 1), ylim=(0, 1))
        figure.draw_without_rendering()
        name_points(axes, [(point, f"setting {at}") for at, point in enumerate(places)], [], [])
        figure.draw_without_rendering()
        boxes = [text.get_window_extent() for text in axes.texts if text.arrow_patch is None]
        markers = [_box(axes, point, point, 2.0) for point in places]
    assert len(axes.texts) == len(places)
    for first, second in itertools.combinations(boxes, 2):
        assert not first.overlaps(second)
    assert not any(box.overlaps(marker) for box in boxes for marker in markers)
