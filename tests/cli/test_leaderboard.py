"""`gradveil leaderboard` as a user calls it."""

import pytest

from gradveil.records import RecordStore
from tests.cli.test_cli import assert_refused, gradveil
from tests.report.conftest import trial


@pytest.fixture
def runs(tmp_path):
    for name, defense in (("first", "identity"), ("second", "soteria")):
        store = RecordStore(tmp_path / name)
        for victim in range(2):
            store.append(trial("lenet", (defense, None, None), "mask_naive", victim))
    return tmp_path


def test_several_runs_make_one_page_in_the_first(runs):
    done = gradveil("leaderboard", "first", "second", cwd=runs)
    page = runs / "first" / "leaderboard.html"
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"leaderboard: {page}"
    assert all(name in page.read_text() for name in ("no defense", "soteria"))


def test_the_page_goes_where_it_is_wanted(runs):
    assert gradveil("leaderboard", "first", "--out", "board.html", cwd=runs).returncode == 0
    assert (runs / "board.html").exists()


def test_no_run(runs):
    assert_refused(gradveil("leaderboard", "first", "nowhere", cwd=runs), "nowhere", "gradveil audit")
    assert not (runs / "first" / "leaderboard.html").exists()
