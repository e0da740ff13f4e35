"""Measured values come from the records that fit, and what is missing says why."""

from dataclasses import replace

import pytest

from gradveil.records import RecordStore
from gradveil.report.reproduction import Figure, Paper, compare, measured, reported, write_reproduction
from tests.report.leaderboard.conftest import record, utility

SHARE = {"share": 0.8, "layer": None}


@pytest.fixture
def suite(tmp_path):
    store = RecordStore(tmp_path / "early")
    for victim, psnr in enumerate((10.0, 20.0)):
        for steps in (0, 500):
            one = record("soteria", SHARE, "adaptive", psnr + steps, victim)
            store.append(replace(one, train_steps=steps, mse=0.25, key=f"{victim}{steps}"))
    broken = record("soteria", SHARE, "dlg", None, 0)
    store.append(replace(broken, status="failed", ssim=None, mse=None, rank100=None, error="no <step>"))
    utility("soteria", SHARE, 0.8, "a").save(tmp_path / "early")
    return tmp_path


def line(suite, quantity="psnr", wanted=19.5, run="early", **match):
    figure = Figure("what", wanted, run, {"defense": "soteria"} | match, "", quantity)
    ((_, (found,)),) = compare(suite, [Paper("title", "source", "differs", [figure])])
    return found


def test_the_mean_over_the_victims_that_fit(suite):
    found = line(suite, attack="adaptive", train_steps=0, **{"knobs.share": 0.8})
    assert (found.measured.mean, found.count) == (15, 2)
    assert measured(found) == "15.0 [10.0, 20.0] dB"
    assert reported(found) == "19.5 dB"


def test_the_root_variant_has_a_unit_of_its_own(suite):
    found = line(suite, "root_psnr", attack="adaptive", train_steps=500)
    assert measured(found) == "27.1 [27.1, 27.1] dB of the root"


def test_accuracies_are_of_trainings(suite):
    found = line(suite, "accuracy", "small loss")
    assert found.count == 1000
    assert measured(found).startswith("80.0 [7")
    assert reported(found) == "small loss"


@pytest.mark.parametrize(
    ("match", "why"),
    [
        ({"attack": "dlg"}, "no <step>"),
        ({"attack": "adaptive", "knobs.share": 0.5}, "not run"),
        ({"attack": "adaptive", "run": "late"}, "not run"),
    ],
    ids=["failed", "other knobs", "no run"],
)
def test_what_is_missing_says_why(suite, match, why):
    found = line(suite, **match)
    assert found.measured is None
    assert why in measured(found)


def test_the_page_holds_every_figure_before_anything_ran(tmp_path):
    page = write_reproduction("seeds", tmp_path)
    text = page.read_text()
    assert page == tmp_path / "seeds.html"
    assert text.count("(not run)") == text.count('<th scope="row">') > 30
    assert "<script" not in text
