"""Which reconstruction stands for which example of a batch."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from gradveil.metrics.images import Images


def assign(found: Images, truth: Images) -> NDArray[np.int64]:
    """Order of `found` that pairs it one-to-one with `truth` at the least total squared error, (B,)."""
    left = found.reshape(len(found), -1).astype(np.float64)
    right = truth.reshape(len(truth), -1).astype(np.float64)
    costs = ((right[:, None] - left[None]) ** 2).sum(axis=2)
    _, columns = linear_sum_assignment(costs)
    return np.asarray(columns, dtype=np.int64)
