"""Can the adversary tell which of 100 people's images it reconstructed?"""

import numpy as np

from gradveil.exchange import GradveilError
from gradveil.metrics.images import Images, mse

CANDIDATES = 100
"""Size of the line-up: the truth and 99 other images of the same data set."""


def identification_rank(found: Images, truth: Images, others: Images) -> int:
    """Rank of the truth among the candidates by distance to the reconstruction; 1 is identified.

    Args:
        found: one reconstruction (C, H, W).
        truth: the true image (C, H, W).
        others: the other candidates (99, C, H, W).

    Ties count against the adversary, so a constant guess gains nothing from duplicates.
    """
    if len(others) != CANDIDATES - 1:
        raise GradveilError(f"a line-up needs {CANDIDATES - 1} other images; give a larger data set")
    own = mse(found[None], truth[None])[0]
    return 1 + int((mse(np.broadcast_to(found, others.shape), others) <= own).sum())
