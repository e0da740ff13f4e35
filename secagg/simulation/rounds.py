"""One round between sessions, a faulty network and a clock that is only a number."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gradveil.exchange import GradveilError
from secagg.adversary import Adversary
from secagg.client_states import Ready
from secagg.config import Floors, RoundConfig
from secagg.errors import ProtocolError
from secagg.events import SERVER, Begin, Contribute, Deadline, Event, Outgoing
from secagg.phases import PHASES, Deadlines, Phase, phase_of, verdict
from secagg.server_states import ServerState
from secagg.simulation.books import Books, kind_of
from secagg.simulation.faults import Faults, Pace
from secagg.simulation.lies import Liar
from secagg.simulation.network import Agenda, Network
from secagg.simulation.parties import Parties
from secagg.simulation.report import Fate, Report, Sent

Vector = NDArray[np.float32]
Watch = Callable[[float, str, Event], None]
"""Told of every event, with its time, just before a party handles it."""


def simulate(
    config: RoundConfig,
    vectors: Mapping[str, Vector],
    weights: Mapping[str, int],
    faults: Faults | None = None,
    seed: int = 0,
    *,
    deadlines: Deadlines | None = None,
    floors: Floors | None = None,
    pace: Pace | None = None,
    checked: bool | None = None,
    watch: Watch | None = None,
) -> Report:
    """Play one round to its end; the same for a seed but for keys, and the graph that follows from them.

    Args:
        config: what the parties agreed on.
        vectors: float32 (length,) by client; read when a client is ready, so it may make them up then.
        weights: by client; the clients take part.
        faults: what goes wrong, nothing if None.
        seed: decides who is struck.
        deadlines: when the server ends a phase.
        floors: limits of all parties.
        pace: how long messages and training take.
        checked: whether the transport drops damaged messages, as TLS does; needed where messages bear no
            signatures, so None means: against a semi-honest server.
        watch: told of every event.

    Raises:
        ProtocolError: a plan for strangers, or a vector or weight that is missing.
    """
    if set(vectors) != set(weights):
        raise ProtocolError("vectors and weights name different clients; give both for each")
    unsigned = config.adversary is Adversary.SEMI_HONEST
    simulation = _Simulation(
        Parties(config, sorted(weights), floors),
        partial(_contribution, vectors, weights),
        faults or Faults(),
        (np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1])),
        deadlines or Deadlines(),
        pace or Pace(),
        checked=unsigned if checked is None else checked,
        watch=watch,
    )
    return simulation.play()


class _Simulation:
    def __init__(
        self,
        parties: Parties,
        contribution: Callable[[str], Contribute],
        faults: Faults,
        draws: tuple[np.random.Generator, np.random.Generator],
        deadlines: Deadlines,
        pace: Pace,
        *,
        checked: bool,
        watch: Watch | None,
    ) -> None:
        self._parties, self._contribution, self._watch = parties, contribution, watch
        self._deadlines, self._pace, (self._draw, strikes) = deadlines, pace, draws
        self._gone = faults.leaving(parties.names, self._draw)
        self._agenda, self._liar = Agenda(), Liar(faults, self._draw)
        self._network = Network(self._agenda, faults, pace, strikes, self._arrive, checked=checked)
        self._books = Books(self._agenda)
        self._ends_at = 0.0

    def play(self) -> Report:
        self._enter(Phase.ADVERTISE)
        for name in self._parties.names:
            self._agenda.after(0.0, partial(self._tell, name, Phase.ADVERTISE, Begin()))
        self._agenda.run()
        return self._books.report(self._parties, self._gone, self._network.messages)

    def _arrive(self, sent: Sent, payload: bytes) -> None:
        if sent.receiver == SERVER:
            self._serve(payload)
        else:
            self._tell(sent.receiver, sent.phase, payload)

    def _tell(self, name: str, phase: Phase, event: Event) -> None:
        """Let a client handle an event, unless it is gone by the phase in which it would answer.

        A damaged name can be that of nobody.
        """
        session = self._parties.clients.get(name)
        if session is None or self._is_gone(name, phase):
            return
        messages = self._handle(name, event, session.handle)
        self._books.note_client(name, session.state)
        if isinstance(session.state, Ready) and not isinstance(event, Contribute) and messages == ():
            self._agenda.after(self._draw.uniform(*self._pace.training), partial(self._contribute, name))
        for message in messages or ():
            self._send(name, SERVER, phase, message.payload)

    def _is_gone(self, name: str, phase: Phase) -> bool:
        return name in self._gone and PHASES.index(self._gone[name]) <= PHASES.index(phase)

    def _contribute(self, name: str) -> None:
        self._tell(name, Phase.MASK, self._contribution(name))

    def _serve(self, event: Event) -> None:
        before = self._parties.server.state
        messages = self._handle(SERVER, event, self._parties.server.handle)
        self._go_on(before, messages or ())

    def _go_on(self, before: ServerState, messages: tuple[Outgoing, ...]) -> None:
        """Send what the server said; then it may have enough answers, even for the phase after that."""
        phase = phase_of(self._parties.server.state)
        for message in messages:
            self._say(message, phase or phase_of(before) or Phase.UNMASK)
        if phase is not phase_of(before):
            self._books.note_server(self._parties.server.state)
            self._enter(phase)
        self._judge(late=False)

    def _enter(self, phase: Phase | None) -> None:
        if phase is not None:
            seconds = self._deadlines.of(phase).seconds
            self._agenda.after(seconds, partial(self._ring, phase))

    def _ring(self, phase: Phase) -> None:
        """The time of a phase is over."""
        if phase_of(self._parties.server.state) is phase:
            self._judge(late=True)

    def _judge(self, *, late: bool) -> None:
        server = self._parties.server
        found = verdict(server.state, self._deadlines, late=late)
        if isinstance(found, Deadline):
            self._serve(found)
        elif found is not None:
            before = server.state
            self._go_on(before, server.abort(found))

    def _say(self, message: Outgoing, phase: Phase) -> None:
        cohort = getattr(self._parties.server.state, "cohort", None)
        twisted = self._liar.twisted(message.receiver, message.payload, cohort)
        fates = frozenset[Fate]() if twisted == message.payload else frozenset({Fate.TWISTED})
        self._send(SERVER, message.receiver, phase, twisted, fates)

    def _send(
        self, sender: str, receiver: str, phase: Phase, payload: bytes, fates: frozenset[Fate] = frozenset()
    ) -> None:
        sent = Sent(self._agenda.now, sender, receiver, phase, kind_of(payload), len(payload), fates)
        self._network.send(sent, payload)

    def _handle(
        self, party: str, event: Event, handle: Callable[[Event], tuple[Outgoing, ...]]
    ) -> tuple[Outgoing, ...] | None:
        """What a party says, or None if it refuses the event."""
        if self._watch is not None:
            self._watch(self._agenda.now, party, event)
        try:
            with self._books.timed(party, kind_of(event)):
                return handle(event)
        except GradveilError as error:
            self._books.note_refusal(party, error)
            return None


def _contribution(vectors: Mapping[str, Vector], weights: Mapping[str, int], name: str) -> Contribute:
    return Contribute(vectors[name], weights[name])
