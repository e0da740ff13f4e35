"""One seed for a run, and from it an independent one for each purpose."""

import hashlib

import numpy as np
import torch


def derive(seed: int, *purpose: object) -> int:
    """A 63-bit seed that depends on the run's seed and the purpose only."""
    text = "\0".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_rng(seed: int, *purpose: object) -> np.random.Generator:
    """A numpy generator for this purpose."""
    return np.random.default_rng(derive(seed, *purpose))


def torch_rng(seed: int, *purpose: object) -> torch.Generator:
    """A CPU torch generator for this purpose."""
    return torch.Generator().manual_seed(derive(seed, *purpose))
