"""A clip that follows the data: clients count what was clipped, the server learns only the sum of counts.

Andrew et al. 2021, "Differentially Private Learning with Adaptive Clipping", section 2.1; TensorFlow
Federated uses the same quantile estimate for secure sums.

What is revealed: the total number of clipped values (or clients) of the round, as one more coordinate of the
securely summed vector, and with it the next clip. No client's own count is. The count carries no privacy
noise: claims of `secagg.noise` do not cover it.
"""

import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from secagg.errors import OverflowRefusedError, ProtocolError, TamperedError
from secagg.ring import FixedPoint


@dataclass(frozen=True)
class AdaptiveClip:
    """A clip that moves towards a quantile: `clip <- clip * exp(-rate * (unclipped - target))`.

    Attributes:
        clip: of this round; the magnitude of a value, or the norm of an update.
        target_unclipped: fraction that shall stay unclipped, in 0 .. 1; 0.5 is the median.
        learning_rate: of the geometric update; 0.2 in the paper.
        minimum: lower end of the clip.
        maximum: upper end of the clip.

    Raises:
        OverflowRefusedError: not 0 < minimum <= clip <= maximum < infinity, a target outside 0 .. 1, or a
            rate that is not positive and finite.
    """

    clip: float
    target_unclipped: float = 0.5
    learning_rate: float = 0.2
    minimum: float = 1e-6
    maximum: float = 1e6

    def __post_init__(self) -> None:
        if not 0 < self.minimum <= self.clip <= self.maximum < math.inf:
            raise OverflowRefusedError(
                f"clip {self.clip} is not in {self.minimum} .. {self.maximum}; widen the range"
            )
        if not 0 <= self.target_unclipped <= 1:
            raise OverflowRefusedError(f"target_unclipped {self.target_unclipped} is no fraction; use 0 to 1")
        if not 0 < self.learning_rate < math.inf:
            raise OverflowRefusedError(f"learning_rate {self.learning_rate} is not positive; use 0.2")

    def after(self, clipped_sum: int, total: int) -> "AdaptiveClip":
        """The next round's clip, after `clipped_sum` of `total` values (or clients) were clipped.

        Raises:
            ProtocolError: total below 1.
            TamperedError: clipped_sum outside 0 .. total, so a client lied about its count.
        """
        if total < 1:
            raise ProtocolError("nothing was counted; keep the clip of the round before")
        if not 0 <= clipped_sum <= total:
            raise TamperedError(f"{clipped_sum} of {total} cannot be clipped; keep the clip as it was")
        error = 1 - clipped_sum / total - self.target_unclipped
        clip = self.clip * math.exp(-self.learning_rate * error)
        return replace(self, clip=min(max(clip, self.minimum), self.maximum))


@dataclass(frozen=True)
class ClipCounter:
    """Counts of clipped values as one counter of a ring vector, in units so large that the sum cannot wrap.

    A count that is no multiple of the unit goes up or down at random, so that sums stay unbiased. With
    `most` = 1 the count is an indicator of a clipped norm, one bit a client, as in the paper.

    Attributes:
        encoding: the ring that carries the counter.
        most: largest count of one client: its number of values, or 1.

    Raises:
        OverflowRefusedError: most below 1, or a ring in which even indicators wrap.
    """

    encoding: FixedPoint
    most: int

    def __post_init__(self) -> None:
        if self.most < 1 or self.encoding.counter_limit < 1:
            raise OverflowRefusedError(f"counts of 0 .. {self.most} do not fit; raise most or modulus_bits")

    @property
    def unit(self) -> int:
        """Clipped values that one step of the counter stands for; 1 unless the ring is small."""
        return -(-self.most // self.encoding.counter_limit)

    def encode(self, count: int, below: Callable[[int], int] = secrets.randbelow) -> int:
        """The counter for `FixedPoint.encode`, from a count; `below(n)` draws from 0 .. n - 1.

        Raises:
            ProtocolError: count outside 0 .. most.
        """
        if not 0 <= count <= self.most:
            raise ProtocolError(f"count {count} is not in 0 .. {self.most}; count the values of one vector")
        return (count + below(self.unit)) // self.unit

    def decode(self, total: float, clients: int) -> int:
        """Clipped values of all clients, from the sum of their counters; at most clients * most.

        Raises:
            TamperedError: a sum that honest counters cannot have.
        """
        largest = -(-self.most // self.unit)
        if not 0 <= total <= clients * largest:
            raise TamperedError(f"{total} is no sum of {clients} counters; start a new round")
        return min(int(total) * self.unit, clients * self.most)
