"""How rounds over Flower went."""

from collections.abc import Mapping
from dataclasses import dataclass

from gradveil.plan import Purpose
from secagg.phases import Phase


@dataclass(frozen=True)
class RoundReport:
    """How one round went; what an operator may read.

    Attributes:
        round: of the job.
        purpose: training or evaluation.
        asked: number of nodes.
        survivors: clients in the sum; empty if the round was aborted.
        losses: node ids, and why they did not stay to the end.
        aborted: the reason, or None.
        seconds: of each phase.
        sent: bytes of the protocol to nodes, without the model that Flower sends besides.
        received: bytes from nodes.
    """

    round: int
    purpose: Purpose
    asked: int
    survivors: frozenset[str]
    losses: Mapping[str, str]
    aborted: str | None
    seconds: Mapping[Phase, float]
    sent: int
    received: int
