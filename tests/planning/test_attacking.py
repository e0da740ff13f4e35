from dataclasses import replace

import numpy as np
import pytest

from gradveil.planning import Attempt, Leakage, attacking
from gradveil.planning.attacking import attacked
from gradveil.planning.searching import SEARCHES
from gradveil.planning.views import View
from tests.planning.conftest import ALONE


def view(subject, single=False, summed=False):
    everything = np.ones(subject.model.layout.size, dtype=bool)
    return View(everything & single, everything & (single or summed), ALONE.honest)


def run(subject, seen, limit=12.0, steps=100, threat=ALONE):
    names = []
    return attacked(seen, subject, threat, limit, steps, names.append), names


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
    searches = [one for one in leakage.attempts if one.attack in SEARCHES]
    assert len(searches) == len(SEARCHES)
    assert all(len(one.psnr) == ALONE.honest == len(leakage.guess["sum"]) for one in searches)
    assert all("up to 100 steps" in one.detail for one in searches)


def test_an_adversary_with_images_uses_their_density(subject):
    leakage, _ = run(subject, view(subject, summed=True), limit=100, threat=replace(ALONE, auxiliary=True))
    (search,) = (one for one in leakage.attempts if one.attack == "mask_aware")
    assert search.status == "ok"


def test_a_verdict_does_not_depend_on_the_clock(subject, monkeypatch):
    fast, _ = run(subject, view(subject, summed=True), limit=100, steps=20)
    hours = iter(range(0, 10**9, 3600))
    monkeypatch.setattr(attacking, "perf_counter", lambda: float(next(hours)))
    slow, _ = run(subject, view(subject, summed=True), limit=100, steps=20)
    assert all(one.seconds >= 3600 for one in slow.attempts)
    assert [replace(one, seconds=0) for one in slow.attempts] == [
        replace(one, seconds=0) for one in fast.attempts
    ]


def test_noise_hides_what_a_sum_shows(subject):
    open_, _ = run(subject, view(subject, summed=True), limit=100)
    noisy, _ = run(subject, replace(view(subject, summed=True), noise=1.0), limit=100)
    assert noisy.worst < open_.worst - 1


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
