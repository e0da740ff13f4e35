"""Confidence intervals by resampling: seeds first, then victims within each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
CONFIDENCE = 0.95
_SEED = 20260


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over victims and its bootstrap confidence interval."""

    mean: float
    low: float
    high: float


def interval(clusters: Sequence[Sequence[float]]) -> Interval | None:
    """Mean of all values and its 95 % percentile interval by a two-stage bootstrap; None of nothing.

    Davison and Hinkley, Bootstrap Methods and their Application (1997), section 3.8: clusters are drawn with
    replacement, then values within each drawn cluster. With one cluster it is the plain bootstrap.

    Args:
        clusters: the values of each seed, one a victim; empty ones are left out.
    """
    filled = [np.asarray(values, dtype=np.float64) for values in clusters if len(values)]
    if not filled:
        return None
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(_resampled_means(filled), [tail, 1 - tail])
    return Interval(float(np.concatenate(filled).mean()), float(low), float(high))


def _resampled_means(clusters: Sequence[np.ndarray]) -> np.ndarray:
    """The mean of each resample, float64 (RESAMPLES,); each value drawn counts once."""
    rng = np.random.default_rng(_SEED)
    chosen = rng.integers(len(clusters), size=(RESAMPLES, len(clusters)))
    sums, counts = np.zeros(chosen.shape), np.zeros(chosen.shape)
    for at, values in enumerate(clusters):
        here = chosen == at
        sums[here] = rng.choice(values, size=(int(here.sum()), len(values))).sum(axis=1)
        counts[here] = len(values)
    means: np.ndarray = sums.sum(axis=1) / counts.sum(axis=1)
    return means
