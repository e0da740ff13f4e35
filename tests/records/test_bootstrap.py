import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradveil.records import Interval
from gradveil.records.bootstrap import interval

DETERMINISTIC = settings(derandomize=True, deadline=None, database=None, max_examples=40)


def test_an_interval_of_nothing_is_none():
    assert interval([]) is None
    assert interval([[], []]) is None


@DETERMINISTIC
@given(st.lists(st.lists(st.floats(0, 140), min_size=1, max_size=9), min_size=1, max_size=5))
def test_an_interval_holds_its_mean_and_stays_in_range(clusters):
    found, values = interval(clusters), [value for values in clusters for value in values]
    assert found == interval(clusters)
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9
    assert found.mean == pytest.approx(np.mean(values))


def test_one_value_gives_a_point():
    assert interval([[12.5]]) == Interval(12.5, 12.5, 12.5)


def test_without_spread_within_seeds_only_seeds_count():
    """Means of two drawn seeds are 0, 15 or 30, with chances of 1/4, 1/2, 1/4."""
    assert interval([[0.0] * 50, [30.0] * 50]) == Interval(15.0, 0.0, 30.0)


def test_seeds_widen_what_their_victims_alone_would_hide():
    rng = np.random.default_rng(0)
    clusters = [list(seed + rng.normal(size=20)) for seed in (0.0, 5.0, 10.0)]
    pooled = interval([[value for values in clusters for value in values]])
    nested = interval(clusters)
    assert nested.mean == pytest.approx(pooled.mean)
    assert nested.high - nested.low > 2 * (pooled.high - pooled.low)


def test_a_resample_weighs_every_value_the_same():
    """Of seeds with 1 and 3 victims, the means are 0, (0 + 3 x 8) / 4 and 8."""
    found = interval([[0.0], [8.0] * 3])
    assert (found.mean, found.low, found.high) == (6.0, 0.0, 8.0)


def test_the_variance_is_that_of_two_stages():
    """Davison and Hinkley (1997), section 3.8: Var of the mean of a balanced two-stage resample."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=(12, 6)) + rng.normal(size=(12, 1))
    between = values.mean(axis=1).var() / 12
    within = values.var(axis=1).mean() / (12 * 6)
    found = interval(values.tolist())
    expected = 2 * 1.96 * np.sqrt(between + within)
    assert found.high - found.low == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize(("seeds", "victims"), [(1, 40), (20, 4)])
def test_intervals_cover_the_mean_about_as_often_as_they_say(seeds, victims):
    rng = np.random.default_rng(0)
    drawn = (
        rng.normal(size=(seeds, victims)) + (seeds > 1) * rng.normal(size=(seeds, 1)) for _ in range(300)
    )
    hits = [found.low <= 0 <= found.high for found in (interval(values.tolist()) for values in drawn)]
    assert 0.90 < np.mean(hits) < 0.98
