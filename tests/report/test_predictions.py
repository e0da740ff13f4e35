import re
from dataclasses import replace

import pytest

from gradveil.records import RecordStore, summarise
from gradveil.records.bootstrap import Interval
from gradveil.report.predictions import agreement, phase_transition, predicted, rank_correlation


@pytest.fixture(scope="module")
def rows(run_dir):
    return [row for row in summarise(RecordStore(run_dir).load()) if row.model == "lenet"]


def test_only_selections_that_were_predicted_are_drawn(rows):
    assert {row.defense for row in predicted(rows)} == {"selective_ckks"}
    assert predicted([replace(row, visible=None) for row in rows]) == []


@pytest.mark.parametrize("draw", [phase_transition, agreement], ids=["phase", "agreement"])
def test_a_plot_names_every_strategy_and_is_the_same_each_time(rows, draw):
    drawing = draw(rows)
    assert drawing == draw(rows)
    for strategy in {row.strategy for row in predicted(rows)}:
        assert f">{strategy}</text>" in drawing
    assert "#0" not in drawing.replace('"#', "").replace("url(#", "")


def test_the_correlation_is_of_ranks(rows):
    chosen = predicted(rows)
    rising = [
        replace(row, predicted_psnr=float(at), worst=Interval(at**3.0, 0.0, 1.0))
        for at, row in enumerate(chosen)
    ]
    assert rank_correlation(rising) == pytest.approx(1)
    falling = [replace(row, predicted_psnr=-(row.predicted_psnr or 0)) for row in rising]
    assert rank_correlation(falling) == pytest.approx(-1)
    assert rank_correlation(chosen[:2]) is None


def test_every_strategy_has_a_marker_of_its_own(rows):
    markers = re.findall(r'<use xlink:href="#(\w+)"', phase_transition(rows))
    assert len(set(markers)) > len({row.strategy for row in predicted(rows)})
