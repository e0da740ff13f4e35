"""How the masked part of a plan goes through secure aggregation."""

from dataclasses import dataclass
from typing import Self

import secagg
from gradveil.plan.noise import Noise
from secagg import Adversary, FixedPoint, RoundConfig
from secagg.ring import Rounding


@dataclass(frozen=True)
class Shrunk:
    """A tensor that moves further than others, as running statistics do: one clip serves both.

    Attributes:
        tensor: its name in the layout.
        factor: the power of two by which its changes are divided before they are masked, and the mean
            multiplied.
    """

    tensor: str
    factor: float


@dataclass(frozen=True)
class Masking:
    """Choices of `secagg.RoundConfig` that stay the same in all rounds of a job.

    Attributes:
        threshold: shares that rebuild a secret.
        clip: largest magnitude of a masked coordinate; larger ones are clipped. With noise, the largest L2
            norm of all of them; longer vectors are scaled down.
        neighbours: clients that each client shares masks with, even; None for all.
        adversary: against a malicious server, messages are signed and survivors confirmed.
        modulus_bits: bits of a coordinate on the wire.
        bits: quantisation; None for as many levels as fit.
        rounding: `nearest` or `stochastic`.
        noise: that each client adds its share of, or None.
        shrunk: tensors whose changes are divided before they meet the clip; their rounding and noise grow as
            much.
    """

    threshold: int
    clip: float
    neighbours: int | None = None
    adversary: Adversary = Adversary.SEMI_HONEST
    modulus_bits: int = 32
    bits: int | None = None
    rounding: Rounding = "nearest"
    noise: Noise | None = None
    shrunk: tuple[Shrunk, ...] = ()

    @classmethod
    def for_(
        cls,
        *,
        clients: int,
        clip: float,
        dropout: float = 0.1,
        corrupt: float = 0.1,
        adversary: Adversary = Adversary.SEMI_HONEST,
        modulus_bits: int = 32,
    ) -> Self:
        """Threshold and neighbours by `secagg.choose`; raises as it does."""
        found = secagg.choose(clients, dropout=dropout, corrupt=corrupt, adversary=adversary)
        neighbours = None if found.complete else found.neighbours
        return cls(found.threshold, clip, neighbours, adversary, modulus_bits)

    def encoding(self, clients: int, max_weight: int) -> FixedPoint:
        """Numbers on the ring, with weights of 1 beside noise; OverflowRefusedError if a sum could wrap."""
        most = max_weight if self.noise is None else 1
        return FixedPoint(self.clip, clients, most, self.modulus_bits, self.rounding, self.bits)

    def config(
        self, encoding: FixedPoint, length: int, *, session: bytes, round_: int, context: bytes
    ) -> RoundConfig:
        """One round over `length` values; raises as `secagg.noise` if it is too little to be sampled."""
        return RoundConfig(
            session=session,
            round=round_,
            context=context,
            threshold=self.threshold,
            encoding=encoding,
            length=length,
            neighbours=self.neighbours,
            adversary=self.adversary,
            noise=None if self.noise is None else self.noise.mechanism(encoding, length),
        )
