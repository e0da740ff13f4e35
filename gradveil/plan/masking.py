"""How the masked part of a plan goes through secure aggregation."""

from dataclasses import dataclass
from typing import Self

import secagg
from secagg import Adversary, FixedPoint, RoundConfig
from secagg.ring import Rounding


@dataclass(frozen=True)
class Masking:
    """Choices of `secagg.RoundConfig` that stay the same in all rounds of a job.

    Attributes:
        threshold: shares that rebuild a secret.
        clip: largest magnitude of a masked coordinate; larger ones are clipped.
        neighbours: clients that each client shares masks with, even; None for all.
        adversary: against a malicious server, messages are signed and survivors confirmed.
        modulus_bits: bits of a coordinate on the wire.
        bits: quantisation; None for as many levels as fit.
        rounding: `nearest` or `stochastic`.
    """

    threshold: int
    clip: float
    neighbours: int | None = None
    adversary: Adversary = Adversary.SEMI_HONEST
    modulus_bits: int = 32
    bits: int | None = None
    rounding: Rounding = "nearest"

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
        """Numbers on the ring; raises OverflowRefusedError if a sum could wrap."""
        return FixedPoint(self.clip, clients, max_weight, self.modulus_bits, self.rounding, self.bits)

    def config(
        self, encoding: FixedPoint, length: int, *, session: bytes, round_: int, context: bytes
    ) -> RoundConfig:
        """One round over `length` values."""
        return RoundConfig(
            session=session,
            round=round_,
            context=context,
            threshold=self.threshold,
            encoding=encoding,
            length=length,
            neighbours=self.neighbours,
            adversary=self.adversary,
        )
