"""The server's part of one round: replies in, requests out, sums kept and uploads forgotten."""

import logging
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress

import numpy as np

from gradveil.exchange import GradveilError, Upload, WireError, wire
from gradveil.exchange.messages import max_message_bytes
from gradveil.fl.contribution import agreed_of
from gradveil.fl.courses import Course, MaskedCourse, OpenCourse
from gradveil.fl.errors import PlanMismatchError, RosterMismatchError, RoundAbortedError
from gradveil.fl.journal import Entry, Journal
from gradveil.fl.messages import REFUSAL, Refusal, Reply, Request, Terms
from gradveil.fl.outcome import Outcome, outcome_of
from gradveil.fl.parties import ServerParties
from gradveil.fl.state import config_of
from gradveil.fl.sums import Sums, masked_of
from gradveil.plan import Plan
from secagg import Floors, Outgoing
from secagg.phases import Deadlines, Phase

log = logging.getLogger("gradveil.fl")

_FRAMING_BYTES = 2**20
_FEWEST_MASKED = 3


class RoundServer:
    """One round with some nodes; a transport carries `requests` to them and their replies to `receive`.

    A phase ends when every node that was asked has answered or is `lost`, when enough have, or at `late`.

    Args:
        plan: of the job.
        terms: of the round.
        parties: the server's.
        nodes: whom the transport will ask; which client a node is, its signature says.
        deadlines: fewest and most answers of each phase, and how long the transport waits.
        journal: where events are kept, and replayed from if there are some.

    Attributes:
        nodes: who was asked.
        requests: what each node is asked in this phase and has not answered.
        losses: why nodes that were asked did not stay to the end.

    Raises:
        PlanMismatchError, RosterMismatchError: terms of another plan or roster, or too many nodes for it.
        PartiesError: the server lacks a key.
    """

    def __init__(
        self,
        plan: Plan,
        terms: Terms,
        parties: ServerParties,
        nodes: Collection[str],
        *,
        deadlines: Deadlines | None = None,
        journal: Journal | None = None,
    ) -> None:
        parties.require_fits(plan)
        _require_terms(plan, terms, parties, nodes)
        self._plan, self._terms, self._parties = plan, terms, parties
        self._split = plan.split(terms.purpose)
        self._sums, self._deadlines = Sums(plan, terms, parties), deadlines or Deadlines()
        self._course = _course(plan, terms, parties, self._deadlines)
        self.nodes = tuple(nodes)
        self._names: dict[str, str] = {}
        self._journal: Journal | None = None
        self.losses: dict[str, str] = {}
        self.requests: dict[str, bytes] = {}
        self._ask(dict.fromkeys(nodes, b""))
        if journal is not None:
            self._replay(journal)

    @property
    def phase(self) -> Phase | None:
        """What the server waits for; None when the round is over."""
        return self._course.phase

    @property
    def seconds(self) -> float:
        """How long the transport waits in this phase before `late`."""
        return 0.0 if self.phase is None else self._deadlines.of(self.phase).seconds

    def receive(self, node: str, data: bytes) -> None:
        """A node's reply, or its refusal, with which it is lost; what comes late is dropped.

        Raises:
            GradveilError: damaged bytes, or what its client must not send; the node is lost then.
        """
        if node not in self.requests:
            return
        try:
            if wire.kind_of(data) == REFUSAL:
                self.lose(node, f"refused: {Refusal.from_bytes(data).error}")
                return
            reply = self._read(node, data)
            self._note(Entry("reply", node, data))
            messages = self._take(reply)
        except GradveilError as error:
            self.lose(node, f"{type(error).__name__}: {error}")
            raise
        self._names[reply.client] = node
        del self.requests[node]
        self._follow(reply.phase, messages)

    def lose(self, node: str, reason: str) -> None:
        """A node will not answer in this phase."""
        if node not in self.requests:
            return
        self._note(Entry("lost", node, reason.encode()))
        del self.requests[node]
        self.losses[node] = reason
        self._settle()

    def late(self) -> None:
        """The phase's time is up; those who have not answered are lost."""
        if self.phase is None:
            return
        self._note(Entry("late"))
        self._end_phase(late=True)

    def outcome(self) -> Outcome:
        """What the round gave; RoundAbortedError if it gave nothing, or is not over."""
        if self.phase is not None or self._course.failure is not None:
            raise RoundAbortedError(self._course.failure or "the round is not over; wait for its last phase")
        frame, total = self._sums.close(), np.zeros(self._split.layout.wire_size)
        clients, suspects = frozenset(self._sums.clients), frozenset[tuple[str, str]]()
        total[self._split.clear] = self._sums.clear
        if isinstance(self._course, MaskedCourse):
            aggregate = self._course.aggregate
            total[self._split.masked] = aggregate.total
            clients, suspects = aggregate.survivors, aggregate.suspects
        return outcome_of(self._plan, self._terms, total, clients, frame, suspects)

    def _read(self, node: str, data: bytes) -> Reply:
        limit = _FRAMING_BYTES + max_message_bytes(self._split.layout)
        reply = Reply.from_bytes(data, self._terms, self._parties.roster, limit)
        if reply.phase is not self.phase:
            raise WireError(f"an answer of phase {reply.phase} in {self.phase}; drop it")
        if self._names.get(reply.client, node) != node:
            raise WireError(f"{reply.client!r} answers from two nodes; run each client once")
        return reply

    def _take(self, reply: Reply) -> tuple[Outgoing, ...]:
        if reply.phase is not Phase.MASK:
            return self._course.receive(reply.client, reply.payload)
        upload = Upload.from_bytes(reply.payload, self._split.layout, agreed_of(self._split))
        if upload.client != reply.client:
            raise WireError(f"{reply.client!r} sent an upload of another client; drop it")
        masked = masked_of(upload)
        self._course.require_acceptable(reply.client, masked)
        self._sums.add(upload)
        return self._course.receive(reply.client, masked)

    def _follow(self, before: Phase | None, messages: tuple[Outgoing, ...]) -> None:
        """Ask what the next phase asks for, or see whether this one is over."""
        if self.phase is before:
            self._settle()
            return
        self.losses |= dict.fromkeys(self.requests, f"phase {before} ended without it")
        log.info("round %d: phase %s after %s", self._terms.round, self.phase, before)
        nodes = {self._names[message.receiver]: message.payload for message in messages}
        self._ask({} if self.phase is None else nodes)

    def _settle(self) -> None:
        if self.phase is not None:
            self._end_phase(late=not self.requests)

    def _end_phase(self, *, late: bool) -> None:
        before = self.phase
        messages = self._course.end_phase(late=late)
        if self.phase is not before:
            self._follow(before, messages)

    def _ask(self, payloads: Mapping[str, bytes]) -> None:
        if self.phase is None:
            self.requests = {}
            return
        self.requests = {
            node: Request(self._terms, self.phase, payload).to_bytes() for node, payload in payloads.items()
        }

    def _note(self, entry: Entry) -> None:
        if self._journal is not None:
            self._journal.append(entry)

    def _replay(self, journal: Journal) -> None:
        for entry in journal.entries():
            with suppress(GradveilError):  # it was refused then, too
                _REPLAYED[entry.kind](self, entry)
        self._journal = journal


_REPLAYED: dict[str, Callable[[RoundServer, Entry], None]] = {
    "reply": lambda server, entry: server.receive(entry.node, entry.payload),
    "lost": lambda server, entry: server.lose(entry.node, entry.payload.decode()),
    "late": lambda server, _: server.late(),
}


def _course(plan: Plan, terms: Terms, parties: ServerParties, deadlines: Deadlines) -> Course:
    if plan.masking is None:
        return OpenCourse(deadlines, plan.min_clients)
    floors = Floors(min_clients=max(plan.min_clients, _FEWEST_MASKED))
    return MaskedCourse(config_of(plan, terms), floors, parties.roster, deadlines)


def _require_terms(plan: Plan, terms: Terms, parties: ServerParties, nodes: Collection[str]) -> None:
    if terms.plan != plan.hash:
        raise PlanMismatchError("the terms are of another plan; open the round with this one")
    if terms.roster != parties.roster.hash:
        raise RosterMismatchError("the terms are of another roster; open the round with this one")
    if not plan.min_clients <= len(nodes) <= plan.clients:
        raise PlanMismatchError(
            f"{len(nodes)} nodes in a round, the plan is for {plan.min_clients} to {plan.clients}; sample "
            "as many, or make a new plan"
        )
