"""A client's secret codes of the classes."""

import secrets

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from gradveil.defenses.base import DefenseError
from secagg.secret import Secret


class ClassCodes(Secret):
    """A code of +1 and -1 for each class that one client draws once and keeps.

    Args:
        values: (classes, bits), each +1 or -1, of an experiment that has to be repeated. Clients call
            `generate`.

    Raises:
        DefenseError: another shape, or other values.

    Source: Fan et al. 2020 (arXiv 2006.11601), secret polarization network; the loss is that of its
        authors' polarization networks (Fan et al. 2019).
    """

    def __init__(self, values: ArrayLike) -> None:
        codes = np.array(values, dtype=np.int8)
        if codes.ndim != 2 or not codes.size or not bool((np.abs(codes) == 1).all()):
            raise DefenseError("codes are (classes, bits) of +1 and -1; draw them with ClassCodes.generate()")
        self._values = codes

    @classmethod
    def generate(cls, classes: int, bits: int, seed: int | None = None) -> "ClassCodes":
        """Fair and independent bits from the operating system's randomness, or repeated for a seed."""
        if seed is not None:
            return cls(2 * np.random.default_rng(seed).integers(0, 2, (classes, bits)) - 1)
        drawn = np.frombuffer(secrets.token_bytes((classes * bits + 7) // 8), dtype=np.uint8)
        flat = np.unpackbits(drawn)[: classes * bits].astype(np.int8)
        return cls(2 * flat.reshape(classes, bits) - 1)

    @property
    def bits(self) -> int:
        """Of one code."""
        return int(self._values.shape[1])

    @property
    def classes(self) -> int:
        """Number of codes."""
        return int(self._values.shape[0])

    def reveal(self) -> Tensor:
        """All codes (classes, bits), float32."""
        return torch.from_numpy(self._values).float()
