"""Fixed-point numbers on the ring of integers modulo 2^32 or 2^64, where masks hide perfectly."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradveil.exchange import InvalidUpdateError
from secagg.errors import OverflowRefusedError, ProtocolError

Ring = NDArray[np.unsignedinteger[Any]]
"""Little-endian uint32 or uint64 vector, shape (n + 1,): n weighted values, then the weight."""

MIN_LEVELS = 1 << 7
_MAX_LEVELS = 1 << 52
_MODULI = (32, 64)
_CLIP_RANGE = (1e-30, 1e30)


@dataclass(frozen=True)
class FixedPoint:
    """How float32 values within [-clip, clip] become ring integers whose weighted sum cannot wrap.

    `levels` is the largest integer with max_clients * max_weight * levels < 2^(modulus_bits - 1), but at
    most 2^52, where float64 stops counting; a value is rounded to the nearest multiple of `step`.

    Attributes:
        clip: largest magnitude of a value; larger ones are clipped to it.
        max_clients: largest number of clients in one sum.
        max_weight: largest weight (number of examples) of one client.
        modulus_bits: 32 or 64; 4 or 8 bytes a coordinate on the wire.

    Raises:
        OverflowRefusedError: a bound is out of range, or fewer than 2^7 levels remain.
    """

    clip: float
    max_clients: int
    max_weight: int
    modulus_bits: int = 32

    def __post_init__(self) -> None:
        if not _CLIP_RANGE[0] <= self.clip <= _CLIP_RANGE[1]:
            raise OverflowRefusedError(
                f"clip {self.clip} is not in 1e-30 .. 1e30; set it near the largest value"
            )
        if self.modulus_bits not in _MODULI:
            raise OverflowRefusedError(f"modulus of {self.modulus_bits} bits; choose 32 or 64")
        if self.max_clients < 1 or self.max_weight < 1:
            raise OverflowRefusedError(
                "max_clients and max_weight must be at least 1; set them to real bounds"
            )
        if self.levels < MIN_LEVELS:
            raise OverflowRefusedError(self._advice())

    @cached_property
    def levels(self) -> int:
        """Steps between zero and clip."""
        room = (1 << (self.modulus_bits - 1)) - 1
        return min(room // (self.max_clients * self.max_weight), _MAX_LEVELS)

    @property
    def step(self) -> float:
        """Distance of neighbouring levels; the mean is off by at most half of it."""
        return self.clip / self.levels

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger[Any]]:
        """Little-endian unsigned integer of modulus_bits."""
        return np.dtype(f"<u{self.modulus_bits // 8}")

    def encode(self, vector: NDArray[np.float32], weight: int) -> Ring:
        """[weight * round(x / step) ..., weight] mod 2^modulus_bits, shape (n + 1,), from float32 (n,).

        Raises:
            InvalidUpdateError: not a float32 vector, or a NaN or infinity in it.
            OverflowRefusedError: weight outside 1 .. max_weight.
        """
        _require_finite_vector(vector)
        if not 1 <= weight <= self.max_weight:
            raise OverflowRefusedError(f"weight {weight} is not in 1 .. {self.max_weight}; raise max_weight")
        rounded = np.rint(vector.astype(np.float64) / self.step)
        counts = np.clip(rounded, -self.levels, self.levels).astype(np.int64)
        return np.append(counts * weight, weight).astype(self.dtype)

    def clipped(self, vector: NDArray[np.float32]) -> int:
        """Number of values beyond [-clip, clip], which `encode` would change."""
        return int(np.count_nonzero(np.abs(vector.astype(np.float64)) > self.clip))

    def decode(self, total: Ring) -> NDArray[np.float64]:
        """Sums of weight * x and, last, the sum of weights, float64 (n + 1,), from a ring sum (n + 1,).

        Raises:
            ProtocolError: a vector of another ring.
        """
        if total.dtype != self.dtype or total.ndim != 1:
            raise ProtocolError(f"{total.dtype}{total.shape} is no {self.dtype} vector; decode ring_total")
        centred = total.view(f"<i{self.modulus_bits // 8}").astype(np.float64)
        centred[:-1] *= self.step
        return centred

    def _advice(self) -> str:
        room = ((1 << (self.modulus_bits - 1)) - 1) // (self.max_clients * MIN_LEVELS)
        wider = "set modulus_bits=64" if self.modulus_bits == min(_MODULI) else "lower max_clients"
        lower = f" or max_weight to {room} or less" if room else ""
        return f"{self.levels} levels are fewer than {MIN_LEVELS}; {wider}{lower}"


def _require_finite_vector(vector: NDArray[np.float32]) -> None:
    if vector.dtype != np.float32 or vector.ndim != 1:
        raise InvalidUpdateError(f"{vector.dtype}{vector.shape} is no float32 vector; flatten and cast it")
    if not math.isfinite(float(np.abs(vector).max(initial=0.0))):
        raise InvalidUpdateError("the vector holds a NaN or infinity; lower the step size and train again")
