"""The phases of a round as its server sees them, and when it ends one; a transport adds the clock."""

from dataclasses import dataclass
from enum import StrEnum

from secagg.errors import ProtocolError
from secagg.events import Deadline
from secagg.server_states import Advertising, Confirming, ServerState, Sharing, Summing, Unmasking


class Phase(StrEnum):
    """What clients are asked for, in order; CONFIRM only in the malicious version."""

    ADVERTISE = "advertise"
    SHARE = "share"
    MASK = "mask"
    CONFIRM = "confirm"
    UNMASK = "unmask"


PHASES = tuple(Phase)
"""In order of time."""


@dataclass(frozen=True)
class PhasePolicy:
    """A phase ends when `maximum` clients answered, or after some seconds; with too few it ends the round.

    All that can answer are enough in any case, and below the threshold the server gives up by itself.

    Attributes:
        seconds: how long the server waits.
        minimum: fewest answers at the deadline.
        maximum: number of answers that are enough, those who come later drop out; None for all.

    Raises:
        ProtocolError: no time, or minimum or maximum out of order.
    """

    seconds: float = 60.0
    minimum: int = 0
    maximum: int | None = None

    def __post_init__(self) -> None:
        if not self.seconds > 0:
            raise ProtocolError(f"a phase of {self.seconds} seconds; give clients time to answer")
        if self.minimum < 0 or (self.maximum is not None and self.maximum < max(self.minimum, 1)):
            raise ProtocolError(f"{self.minimum} to {self.maximum} answers; use 0 <= minimum <= maximum")


@dataclass(frozen=True)
class Deadlines:
    """One policy for each phase."""

    advertise: PhasePolicy = PhasePolicy()
    share: PhasePolicy = PhasePolicy()
    mask: PhasePolicy = PhasePolicy()
    confirm: PhasePolicy = PhasePolicy()
    unmask: PhasePolicy = PhasePolicy()

    def of(self, phase: Phase) -> PhasePolicy:
        """The policy of a phase."""
        found: PhasePolicy = getattr(self, phase)
        return found


def phase_of(state: ServerState) -> Phase | None:
    """What the server waits for; None when the round is over."""
    return _PHASE_OF.get(type(state))


def answered(state: ServerState) -> int:
    """How many clients answered in this phase."""
    match state:
        case Advertising(keys=found) | Sharing(shares=found) | Confirming(signatures=found):
            return len(found)
        case Summing(survivors=survivors):
            return len(survivors)
        case Unmasking(answers=answers):
            return len(answers)
        case _:
            return 0


def awaited(state: ServerState) -> int:
    """How many clients can answer in this phase; 0 where nobody knows, or when the round is over."""
    match state:
        case Sharing(cohort=cohort):
            return len(cohort.names)
        case Summing(commitments=commitments):
            return len(commitments)
        case Confirming(survivors=survivors) | Unmasking(survivors=survivors):
            return len(survivors)
        case _:
            return 0


def verdict(state: ServerState, deadlines: Deadlines, *, late: bool) -> Deadline | str | None:
    """The event to give to the server, or the reason to abort, or None: wait.

    Args:
        state: the server's.
        deadlines: of all phases.
        late: whether the time of this phase is over.
    """
    phase, count = phase_of(state), answered(state)
    if phase is None:
        return None
    policy = deadlines.of(phase)
    if policy.maximum is not None and count >= policy.maximum:
        return Deadline()
    if not late:
        return None
    if count < policy.minimum:
        return f"{count} clients answered in phase {phase}, {policy.minimum} needed; start a new round"
    return Deadline()


_PHASE_OF: dict[type[ServerState], Phase] = {
    Advertising: Phase.ADVERTISE,
    Sharing: Phase.SHARE,
    Summing: Phase.MASK,
    Confirming: Phase.CONFIRM,
    Unmasking: Phase.UNMASK,
}
