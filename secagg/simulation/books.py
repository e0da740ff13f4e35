"""What a simulation notes on the way, and the report that comes of it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import process_time

from gradveil.exchange import GradveilError, WireError, wire
from secagg.client_states import ClientState
from secagg.events import Closed, Event
from secagg.phases import Phase
from secagg.server_states import Done, ServerState
from secagg.simulation.network import Agenda
from secagg.simulation.parties import Parties
from secagg.simulation.report import Refusal, Report, Sent


class Books:
    """Seconds, refusals and the end of the round."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda
        self._seconds: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
        self._refusals: list[Refusal] = []
        self._left: dict[str, str] = {}
        self._duration = 0.0

    @contextmanager
    def timed(self, party: str, kind: str) -> Iterator[None]:
        """Note the CPU seconds of a party's step, also of one that fails."""
        start = process_time()
        try:
            yield
        finally:
            self._seconds[party][kind] += process_time() - start

    def note_refusal(self, party: str, error: GradveilError) -> None:
        """What a party did not accept."""
        self._refusals.append(Refusal(self._agenda.now, party, type(error).__name__, str(error)))

    def note_client(self, name: str, state: ClientState) -> None:
        """A client's state after an event; what closed it first counts."""
        if isinstance(state, Closed):
            self._left.setdefault(name, state.reason)

    def note_server(self, state: ServerState) -> None:
        """The server's state changed."""
        if isinstance(state, Done | Closed):
            self._duration = self._agenda.now

    def report(self, parties: Parties, gone: Mapping[str, Phase], messages: Sequence[Sent]) -> Report:
        """The end of the round."""
        state = parties.server.state
        return Report(
            aggregate=state.aggregate if isinstance(state, Done) else None,
            reason=state.reason if isinstance(state, Closed) else "",
            messages=tuple(messages),
            refusals=tuple(self._refusals),
            endings={name: self._ending(name, parties, gone) for name in parties.names},
            seconds={party: dict(seconds) for party, seconds in self._seconds.items()},
            duration=self._duration,
        )

    def _ending(self, name: str, parties: Parties, gone: Mapping[str, Phase]) -> str:
        if name in gone:
            return f"vanished in phase {gone[name]}"
        state = type(parties.clients[name].state).__name__
        return self._left.get(name, f"was left waiting as {state}")


def kind_of(event: Event) -> str:
    """The kind of a message without its prefix, or the name of another event; "damaged" if it has none."""
    if not isinstance(event, bytes):
        return type(event).__name__.lower()
    try:
        return wire.kind_of(event).removeprefix("secagg-")
    except WireError:
        return "damaged"
