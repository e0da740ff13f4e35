"""The course of a round: which phases it has, and when one is over. With masking, `secagg` runs it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import secagg
from gradveil.exchange import WireError
from gradveil.fl.errors import RoundAbortedError
from gradveil.parties import Roster
from secagg import Adversary, Aggregate, Closed, Done, Floors, Outgoing, RoundConfig, ServerSession
from secagg import messages as said
from secagg.authentication import split_message, verify_message
from secagg.framing import Header
from secagg.packing import packed_bytes
from secagg.phases import Deadlines, Phase, phase_of, verdict
from secagg.server_states import Advertising, Confirming, ServerState, Sharing, Summing, Unmasking


class Course(ABC):
    """Phases of one round; messages go to clients by name."""

    @property
    @abstractmethod
    def phase(self) -> Phase | None:
        """What the server waits for; None when the round is over."""

    @property
    @abstractmethod
    def failure(self) -> str | None:
        """Why the round was aborted, or None."""

    @abstractmethod
    def require_acceptable(self, client: str, payload: bytes) -> None:
        """Raise a GradveilError unless `receive` will take this message of this client."""

    @abstractmethod
    def receive(self, client: str, payload: bytes) -> tuple[Outgoing, ...]:
        """Messages of the next phase if this one is over; raises as `require_acceptable`."""

    @abstractmethod
    def end_phase(self, *, late: bool) -> tuple[Outgoing, ...]:
        """Go on with whoever answered, or abort; `late` if time is up, else because enough have."""


class MaskedCourse(Course):
    """Secure aggregation.

    Args:
        config: of the round.
        floors: of the server.
        roster: of all parties.
        deadlines: fewest and most answers of each phase.
    """

    def __init__(self, config: RoundConfig, floors: Floors, roster: Roster, deadlines: Deadlines) -> None:
        self._roster = roster if config.adversary is Adversary.MALICIOUS else None
        self._config, self._deadlines = config, deadlines
        self._session = ServerSession(secagg.Server(config, floors, roster=self._roster))

    @property
    def phase(self) -> Phase | None:
        """See `Course`."""
        return phase_of(self._session.state)

    @property
    def failure(self) -> str | None:
        """See `Course`."""
        state = self._session.state
        return state.reason if isinstance(state, Closed) else None

    @property
    def aggregate(self) -> Aggregate:
        """The sum; RoundAbortedError if there is none."""
        state = self._session.state
        if not isinstance(state, Done):
            raise RoundAbortedError(self.failure or "the round is not over; wait for its last phase")
        return state.aggregate

    def require_acceptable(self, client: str, payload: bytes) -> None:
        """See `Course`; a masked input is decoded here, so that nothing is added if it is damaged."""
        message, signature = split_message(payload, self._config)
        state = self._session.state
        first = isinstance(state, Advertising)
        header = self._config.header if first else _cohort_header(state)
        if _READ[type(state)](message, header, self._config).client != client:
            raise WireError(f"{client!r} sent a message of another client; drop it")
        if self._roster is not None:
            verify_message(self._roster, client, message, signature)
        if isinstance(state, Summing) and (client not in state.commitments or client in state.survivors):
            raise WireError(f"{client!r} is not in this phase, or sent its vector before; drop it")

    def receive(self, client: str, payload: bytes) -> tuple[Outgoing, ...]:
        """See `Course`."""
        self.require_acceptable(client, payload)
        return self._session.handle(payload)

    def end_phase(self, *, late: bool) -> tuple[Outgoing, ...]:
        """See `Course`."""
        found = verdict(self._session.state, self._deadlines, late=late)
        if isinstance(found, str):
            return self._session.abort(found)
        return () if found is None else self._session.handle(found)


class OpenCourse(Course):
    """One phase, in which everybody sends its upload; nothing is masked.

    Args:
        deadlines: fewest and most answers.
        min_clients: fewest in any case.
    """

    def __init__(self, deadlines: Deadlines, min_clients: int) -> None:
        self._policy, self._min_clients = deadlines.of(Phase.MASK), min_clients
        self._clients: set[str] = set()
        self._over, self._failure = False, ""

    @property
    def phase(self) -> Phase | None:
        """See `Course`."""
        return None if self._over else Phase.MASK

    @property
    def failure(self) -> str | None:
        """See `Course`."""
        return self._failure or None

    def require_acceptable(self, client: str, payload: bytes) -> None:
        """See `Course`."""
        if self._over or client in self._clients:
            raise WireError(f"{client!r} sent its upload before, or the round is over; drop it")

    def receive(self, client: str, payload: bytes) -> tuple[Outgoing, ...]:
        """See `Course`."""
        self.require_acceptable(client, payload)
        self._clients.add(client)
        return ()

    def end_phase(self, *, late: bool) -> tuple[Outgoing, ...]:
        """See `Course`."""
        count, least = len(self._clients), max(self._policy.minimum, self._min_clients)
        self._over = late or (self._policy.maximum is not None and count >= self._policy.maximum)
        if self._over and count < least:
            self._failure = f"{count} clients answered, {least} needed; start a new round"
        return ()


def _cohort_header(state: ServerState) -> Header:
    """Of all messages once the directory is known."""
    match state:
        case Sharing(cohort=cohort) | Summing(cohort=cohort):
            return cohort.header
        case Confirming(cohort=cohort) | Unmasking(cohort=cohort):
            return cohort.header
    raise WireError("the round is over; drop the message")


def _masked_input(message: bytes, header: Header, config: RoundConfig) -> said.MaskedInput:
    size = packed_bytes(config.coordinates, config.encoding.modulus_bits)
    return said.MaskedInput.from_bytes(message, header, size)


_READ: dict[type[ServerState], Callable[[bytes, Header, RoundConfig], Any]] = {
    Advertising: lambda data, header, _: said.Advertise.from_bytes(data, header),
    Sharing: lambda data, header, _: said.EncryptedShares.from_bytes(data, header),
    Summing: _masked_input,
    Confirming: lambda data, header, _: said.Confirmation.from_bytes(data, header),
    Unmasking: lambda data, header, _: said.UnmaskShares.from_bytes(data, header),
}
