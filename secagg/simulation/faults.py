"""What goes wrong in a simulated round, and how long things take."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

from secagg.errors import ProtocolError
from secagg.phases import PHASES, Phase


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Probabilities, drawn for each client or message on its own, and explicit plans besides.

    Attributes:
        drop: that a client vanishes for good at a phase, instead of answering in it.
        gone: plan: the phase at which a client vanishes.
        lose: that a message is lost.
        delay: that a message is late, by up to `lateness` seconds.
        duplicate: that a message arrives twice.
        reorder: that a message changes places with another one on its way to the same party.
        corrupt: that a copy of a message arrives with `flips` bits flipped.
        equivocate: that the server tells a client of one survivor too few.
        withheld: plan: the survivors of whom the server does not tell a client.
        strikes: phases in which messages are lost, late, repeated, reordered or corrupt.

    Raises:
        ProtocolError: no probability, or no bits to flip.
    """

    drop: Mapping[Phase, float] = field(default_factory=dict)
    gone: Mapping[str, Phase] = field(default_factory=dict)
    lose: float = 0.0
    delay: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    corrupt: float = 0.0
    equivocate: float = 0.0
    withheld: Mapping[str, Collection[str]] = field(default_factory=dict)
    strikes: Collection[Phase] = PHASES
    lateness: float = 120.0
    flips: int = 1

    def __post_init__(self) -> None:
        messages = (self.lose, self.delay, self.duplicate, self.reorder, self.corrupt, self.equivocate)
        for probability in (*messages, *self.drop.values()):
            if not 0 <= probability <= 1:
                raise ProtocolError(f"{probability} is no probability; use 0 to 1")
        if self.flips < 1 or self.lateness < 0:
            raise ProtocolError("flips or lateness is out of range; use 1 bit or more and 0 seconds or more")

    def leaving(self, names: Collection[str], draw: np.random.Generator) -> dict[str, Phase]:
        """At which phase each client that vanishes does; ProtocolError for a plan with a stranger."""
        strangers = (set(self.gone) | set(self.withheld)) - set(names)
        if strangers:
            raise ProtocolError(f"{min(strangers)!r} is in a plan but not in the round; correct the plan")
        found = dict(self.gone)
        for name in sorted(names):
            for phase in PHASES:
                if draw.random() < self.drop.get(phase, 0.0):
                    found[name] = min(found.get(name, phase), phase, key=PHASES.index)
        return found


@dataclass(frozen=True)
class Pace:
    """Virtual seconds, drawn uniformly between two bounds.

    Attributes:
        latency: of a message.
        training: from the shares' arrival at a client to its vector.

    Raises:
        ProtocolError: bounds below zero or out of order.
    """

    latency: tuple[float, float] = (0.02, 0.2)
    training: tuple[float, float] = (1.0, 5.0)

    def __post_init__(self) -> None:
        for low, high in (self.latency, self.training):
            if not 0 <= low <= high:
                raise ProtocolError(f"{low} to {high} seconds; use 0 <= low <= high")
