"""From raw CKKS slots to exact grid values: the only form in which a decryption leaves this package.

Raw CKKS results carry noise that depends on the secret key: published, they give the key away
(Li and Micciancio, eprint 2020/1533; IND-CPA-D; `attacks.recover_key` does it). The parameters keep the noise
within a quarter of a step, so rounding restores the exact sum of the clients' rounded values.
"""

import numpy as np
from numpy.typing import NDArray

from he.errors import DecryptionError
from he.params import Params
from he.schemes.base import Steps


def rounded(raw: NDArray[np.float64], params: Params, count: int, weight: int, noise_bound: float) -> Steps:
    """Steps (count,) of raw values.

    Raises:
        DecryptionError: a value off the grid by more than the noise bound, out of range, or not zero behind
            `count`.
    """
    steps = np.rint(raw / params.step)
    on_grid = np.abs(raw - steps * params.step).max() <= noise_bound
    in_range = np.abs(steps).max() <= weight * params.max_steps
    # One message for every cause: details about a failed decryption help to recover a key.
    if not (on_grid and in_range) or steps[count:].any():
        raise DecryptionError("no sum under this key; check the key and ask for a new sum")
    return steps[:count].astype(np.int64)
