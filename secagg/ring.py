"""Fixed-point numbers on the ring of integers modulo 2^8 to 2^64, where masks hide perfectly."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from gradveil.exchange import InvalidUpdateError
from secagg.capacity import levels_of, modulus_for, require_bounds, require_room, room
from secagg.errors import OverflowRefusedError, ProtocolError
from secagg.residues import Ring, centred, reduce, ring_dtype
from secagg.rounding import Generator, fast_generator, whole_steps

__all__ = ["FixedPoint", "Ring", "Rounding"]

Rounding = Literal["nearest", "stochastic"]

MIN_LEVELS = 1 << 7
_MAX_LEVELS = 1 << 52
_CLIP_RANGE = (1e-30, 1e30)


@dataclass(frozen=True)
class FixedPoint:
    """How float32 values within [-clip, clip] become ring integers whose weighted sum cannot wrap.

    A value is a whole number of steps, at most `levels` either way, and a sum is at most
    max_clients * max_weight * levels < 2^(modulus_bits - 1) either way.

    Attributes:
        clip: largest magnitude of a value; larger ones are clipped to it.
        max_clients: largest number of clients in one sum.
        max_weight: largest weight (number of examples) of one client.
        modulus_bits: 8 to 64; bits of a coordinate on the wire.
        rounding: to the nearest step (error at most half a step), or up or down at random so that the
            mean of the result is the value (error below one step, unbiased).
        bits: quantisation, 2 to 53: exactly 2^(bits - 1) - 1 levels. None: as many as fit, at most 2^52
            (where float64 stops counting) and no fewer than 2^7.

    Raises:
        OverflowRefusedError: a bound is out of range, or the sum of that many levels could wrap.
    """

    clip: float
    max_clients: int
    max_weight: int
    modulus_bits: int = 32
    rounding: Rounding = "nearest"
    bits: int | None = None

    def __post_init__(self) -> None:
        if not _CLIP_RANGE[0] <= self.clip <= _CLIP_RANGE[1]:
            raise OverflowRefusedError(
                f"clip {self.clip} is not in 1e-30 .. 1e30; set it near the largest value"
            )
        if self.rounding not in ("nearest", "stochastic"):
            raise OverflowRefusedError(f"no rounding {self.rounding!r}; choose nearest or stochastic")
        ring_dtype(self.modulus_bits)
        require_bounds(self.max_clients, self.max_weight, self.bits)
        wanted = MIN_LEVELS if self.bits is None else self.levels
        require_room(self.max_clients, self.max_weight, self.modulus_bits, wanted)

    @classmethod
    def for_(
        cls,
        clients: int,
        max_weight: int,
        clip: float,
        bits: int,
        *,
        rounding: Rounding = "nearest",
        headroom: int = 0,
    ) -> Self:
        """The smallest ring for `bits`-bit values, b = ceil(log2(2 * clients * max_weight * levels + 1)).

        `headroom` is added to the largest sum: steps of noise on it, either way.

        Raises:
            OverflowRefusedError: a bound is out of range, or b exceeds 64.
        """
        require_bounds(clients, max_weight, bits)
        modulus_bits = modulus_for(clients, max_weight, bits, headroom)
        return cls(clip, clients, max_weight, modulus_bits, rounding, bits)

    @cached_property
    def levels(self) -> int:
        """Steps between zero and clip."""
        if self.bits is not None:
            return levels_of(self.bits)
        return min(room(self.max_clients, self.max_weight, self.modulus_bits), _MAX_LEVELS)

    @property
    def step(self) -> float:
        """Distance of neighbouring levels; a mean is off by at most half of it, or one if stochastic."""
        return self.clip / self.levels

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger[Any]]:
        """The smallest little-endian unsigned integer that holds modulus_bits."""
        return ring_dtype(self.modulus_bits)

    @property
    def counter_limit(self) -> int:
        """Largest counter of one client: the sum over max_clients cannot wrap."""
        return room(self.max_clients, 1, self.modulus_bits)

    def encode(
        self,
        vector: NDArray[np.float32],
        weight: int,
        counters: Sequence[int] = (),
        generator: Generator | None = None,
    ) -> Ring:
        """[weight * round(x / step) ..., weight, counters ...] mod 2^modulus_bits from float32 (n,).

        Counters are summed as they are, without the weight. `generator` replaces the one that rounds
        stochastically, for tests.

        Raises:
            InvalidUpdateError: not a float32 vector, or a NaN or infinity in it.
            OverflowRefusedError: weight outside 1 .. max_weight, or a counter outside 0 .. counter_limit.
        """
        require_finite_vector(vector)
        ring = self._tail(vector.size, weight, counters)
        for part, counts in self._blocks(vector, generator):
            counts *= weight
            ring[part] = counts
        return reduce(ring, self.modulus_bits)

    def quantise(self, vector: NDArray[np.float32], generator: Generator | None = None) -> NDArray[np.int64]:
        """round(x / step) within -levels .. levels, int64 (n,): what `encode` puts on the ring.

        Raises:
            InvalidUpdateError: not a float32 vector, or a NaN or infinity in it.
        """
        require_finite_vector(vector)
        found = np.empty(vector.size, dtype=np.int64)
        for part, counts in self._blocks(vector, generator):
            found[part] = counts
        return found

    def wrap(self, counts: NDArray[np.int64], weight: int = 1, counters: Sequence[int] = ()) -> Ring:
        """What `encode` returns, from whole steps (n,), which may hold noise beyond the levels.

        Raises:
            OverflowRefusedError: weight outside 1 .. max_weight, or a counter outside 0 .. counter_limit.
        """
        ring = self._tail(counts.size, weight, counters)
        ring[: counts.size] = counts * weight
        return reduce(ring, self.modulus_bits)

    def clipped(self, vector: NDArray[np.float32]) -> int:
        """Number of values beyond [-clip, clip], which `encode` would change."""
        return int(np.count_nonzero(np.abs(vector) > np.float64(self.clip)))

    def decode(self, total: Ring, counters: int = 0) -> NDArray[np.float64]:
        """Sums of weight * x, the sum of weights, sums of counters, float64, from a ring sum (n + 1 + c,).

        Raises:
            ProtocolError: a vector of another ring.
        """
        if total.dtype != self.dtype or total.ndim != 1:
            raise ProtocolError(f"{total.dtype}{total.shape} is no {self.dtype} vector; decode ring_total")
        found: NDArray[np.float64] = centred(total, self.modulus_bits).astype(np.float64)
        found[: total.size - 1 - counters] *= self.step
        return found

    def _blocks(
        self, vector: NDArray[np.float32], generator: Generator | None
    ) -> Iterator[tuple[slice, NDArray[np.int64]]]:
        source = None if self.rounding == "nearest" else generator or fast_generator()
        return whole_steps(vector, self.step, self.levels, source)

    def _tail(self, size: int, weight: int, counters: Sequence[int]) -> Ring:
        """A ring vector with only the weight and the counters at its end set."""
        if not 1 <= weight <= self.max_weight:
            raise OverflowRefusedError(f"weight {weight} is not in 1 .. {self.max_weight}; raise max_weight")
        if any(not 0 <= counter <= self.counter_limit for counter in counters):
            raise OverflowRefusedError(
                f"a counter is not in 0 .. {self.counter_limit}; count in larger units or raise modulus_bits"
            )
        ring = np.empty(size + 1 + len(counters), dtype=self.dtype)
        ring[size:] = [weight, *counters]
        return ring


def require_finite_vector(vector: NDArray[np.float32]) -> None:
    """Raise InvalidUpdateError unless this is a float32 vector (n,) without NaN and infinity."""
    if vector.dtype != np.float32 or vector.ndim != 1:
        raise InvalidUpdateError(f"{vector.dtype}{vector.shape} is no float32 vector; flatten and cast it")
    # A NaN anywhere is the minimum and the maximum; neither needs a temporary.
    ends = float(vector.min(initial=0.0)), float(vector.max(initial=0.0))
    if not all(map(math.isfinite, ends)):
        raise InvalidUpdateError("the vector holds a NaN or infinity; lower the step size and train again")
