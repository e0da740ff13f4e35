from dataclasses import replace

import numpy as np
import pytest

from gradveil.planning import Attempt, Leakage
from gradveil.planning.attacking import attacked
from gradveil.planning.views import View
from tests.planning.conftest import ALONE


def view(subject, single=False, summed=False):
    everything = np.ones(subject.model.layout.size, dtype=bool)
    return View(everything & single, everything & (single or summed), ALONE.honest)


def run(subject, seen, limit=12.0, seconds=4.0, threat=ALONE):
    names = []
    return attacked(seen, subject, threat, limit, seconds, names.append), names


def test_readable_updates_show_their_pictures(subject):
    leakage, _ = run(subject, view(subject, single=True))
    assert leakage.worst > 25
    assert leakage.exceeds(12)


def test_the_first_attack_beyond_the_limit_is_the_last(subject):
    leakage, names = run(subject, view(subject, single=True))
    assert len(names) == len(leakage.attempts)
    assert leakage.exceeds(12)
    assert not replace(leakage, attempts=leakage.attempts[:-1]).exceeds(12)


def test_nothing_readable_leaves_nothing_to_attack(subject):
    leakage, names = run(subject, view(subject))
    assert (leakage.attempts, leakage.worst, leakage.exceeds(1), names) == ((), None, False, [])


def test_a_sum_is_attacked_as_a_whole(subject):
    leakage, names = run(subject, view(subject, summed=True), limit=100)
    assert all(name.endswith("on sum") for name in names)
    (search,) = (one for one in leakage.attempts if one.attack == "mask_aware")
    assert len(search.psnr) == ALONE.honest == len(leakage.guess["sum"])
    assert "steps" in search.detail


def test_an_adversary_with_images_uses_their_density(subject):
    leakage, _ = run(subject, view(subject, summed=True), limit=100, threat=replace(ALONE, auxiliary=True))
    (search,) = (one for one in leakage.attempts if one.attack == "mask_aware")
    assert search.status == "ok"


def test_the_search_runs_however_short_of_time(subject):
    leakage, _ = run(subject, view(subject, summed=True), limit=100, seconds=1e-9)
    assert leakage.attempts[-1].attack == "mask_aware"
    assert leakage.worst is not None


@pytest.mark.parametrize(
    ("psnr", "guess", "limit", "expected"),
    [
        ((13.0, 9.0), (8.0, 8.0), 12.0, True),
        ((11.0, 9.0), (8.0, 8.0), 12.0, False),
        ((13.0, 9.0), (12.5, 8.0), 12.0, False),
        ((13.0, 13.0), (12.5, 8.0), 12.0, True),
        ((), (8.0, 8.0), 12.0, False),
    ],
)
def test_each_picture_is_compared_with_the_limit_and_with_knowing_nothing(psnr, guess, limit, expected):
    attempt = Attempt("some", "single", "ok" if psnr else "failed", psnr, 1.0, "")
    assert Leakage((attempt,), {"single": guess}).exceeds(limit) is expected
