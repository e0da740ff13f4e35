"""A client's private key."""

import secrets

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from gradveil.defenses.base import DefenseError
from secagg.secret import Secret

_BITS = 24
"""Of one element: as many as a float32 in [0, 1) holds."""


class Key(Secret):
    """A vector in [0, 1) that one client draws once and keeps; it does not print, pickle or compare.

    Args:
        values: (n,), of an experiment that has to be repeated. Clients call `generate`.

    Raises:
        DefenseError: not a vector of numbers in [0, 1).

    Source: Ren et al. 2023 (FedKL, arXiv 2305.04095); their code draws it with Python's `random`.
    """

    def __init__(self, values: ArrayLike) -> None:
        vector = np.array(values, dtype=np.float32)
        if vector.ndim != 1 or not vector.size or not bool(((vector >= 0) & (vector < 1)).all()):
            raise DefenseError("a key is a vector of numbers in [0, 1); draw one with Key.generate()")
        self._values = vector

    @classmethod
    def generate(cls, size: int = 1024, seed: int | None = None) -> "Key":
        """A key of so many elements, uniform in [0, 1).

        From the operating system's randomness, or repeated for a seed.
        """
        if seed is not None:
            return cls(np.random.default_rng(seed).random(size, dtype=np.float32))
        words = np.frombuffer(secrets.token_bytes(4 * size), dtype=np.uint32)
        return cls((words >> (32 - _BITS)) * 2.0**-_BITS)

    def __len__(self) -> int:
        return len(self._values)

    def reveal(self) -> Tensor:
        """A copy of the vector (n,), float32."""
        return torch.from_numpy(self._values.copy())
