"""What happened in a simulated round."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from secagg.events import SERVER
from secagg.phases import PHASES, Phase
from secagg.server_states import Aggregate


class Fate(StrEnum):
    """What a fault did to a message."""

    LOST = "lost"
    LATE = "late"
    TWICE = "twice"
    SWAPPED = "swapped"
    DAMAGED = "damaged"
    TWISTED = "twisted"


@dataclass(frozen=True)
class Sent:
    """One message as it was given to the network; `phase` is the one it opens or answers, size in bytes."""

    time: float
    sender: str
    receiver: str
    phase: Phase
    kind: str
    size: int
    fates: frozenset[Fate] = frozenset()


@dataclass(frozen=True)
class Refusal:
    """What a party did not accept, the name of the error, and its text."""

    time: float
    party: str
    error: str
    reason: str


@dataclass(frozen=True, eq=False)
class Report:
    """The end of a round and the way there.

    Attributes:
        aggregate: the sum, or None if the round was aborted.
        reason: why it was aborted, or "".
        messages: all that were sent, in order.
        refusals: all that was not accepted, in order.
        endings: of each client, why it said nothing more.
        seconds: CPU seconds by party and by the kind of event it handled.
        duration: virtual seconds until the server was done.
    """

    aggregate: Aggregate | None
    reason: str
    messages: tuple[Sent, ...]
    refusals: tuple[Refusal, ...]
    endings: Mapping[str, str]
    seconds: Mapping[str, Mapping[str, float]]
    duration: float

    def said(self, party: str) -> tuple[str, ...]:
        """The kinds of the messages that a party sent."""
        return tuple(message.kind for message in self.messages if message.sender == party)

    def bytes_sent(self, party: str) -> int:
        """Bytes of the messages that a party sent."""
        return sum(message.size for message in self.messages if message.sender == party)

    def bytes_up(self) -> dict[Phase, int]:
        """Bytes from clients in each phase."""
        return _by_phase([message for message in self.messages if message.receiver == SERVER])

    def bytes_down(self) -> dict[Phase, int]:
        """Bytes to clients in each phase."""
        return _by_phase([message for message in self.messages if message.sender == SERVER])


def _by_phase(messages: list[Sent]) -> dict[Phase, int]:
    return {phase: sum(each.size for each in messages if each.phase is phase) for phase in PHASES}
