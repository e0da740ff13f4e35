"""When phases end and who is waited for: the server's side of one round, without sockets and clocks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgpack

from gradveil.exchange import WireError
from secagg import Closed, Deadline, Done, Outgoing, ProtocolError, ServerSession
from secagg.server_states import ServerState

PHASES = ("advertising", "sharing", "summing", "confirming", "unmasking")

_HEAD_BYTES = 512
"""Within which the sender of every message is named."""
_FIELDS_BEFORE_SENDER = 6


@dataclass(frozen=True)
class Limits:
    """When a phase ends.

    Attributes:
        seconds: it ends then, whoever is missing.
        minimum: with fewer answers the round is aborted instead.
        maximum: with as many answers it ends at once.
    """

    seconds: float
    minimum: int
    maximum: int


class Conductor:
    """Turns what connections do into events of a round.

    A phase ends when secagg ends it, at the maximum, when nobody is left to wait for, or at `late`.

    Args:
        session: the round.
        limits: of each of `PHASES`.
        questions: what each client that may answer in this phase is asked.
        entered: called after each change of phase, before anything else happens.
    """

    def __init__(
        self,
        session: ServerSession,
        limits: Mapping[str, Limits],
        questions: Mapping[str, bytes],
        entered: Callable[[], None],
    ) -> None:
        self._session, self._limits, self._entered = session, limits, entered
        self.questions = dict(questions)
        self._answered: set[str] = set()
        self._gone: set[str] = set()
        self._expelled: set[str] = set()

    @property
    def state(self) -> ServerState:
        """Of the round."""
        return self._session.state

    @property
    def phase(self) -> str:
        """One of `PHASES`, or "done" or "closed"."""
        return type(self.state).__name__.lower()

    @property
    def over(self) -> bool:
        """Whether the round has ended, with a result or without."""
        return isinstance(self.state, Done | Closed)

    @property
    def limits(self) -> Limits:
        """Of this phase."""
        return self._limits[self.phase]

    def arrive(self, name: str) -> None:
        """A client is connected, perhaps again."""
        self._gone.discard(name)

    def unanswered(self, name: str) -> bytes | None:
        """What to ask a client now, None if it has answered or is not in this phase."""
        return None if name in self._answered else self.questions.get(name)

    def leave(self, name: str) -> None:
        """A client's connection ended: it is a dropout unless it comes back while others are waited for."""
        self._gone.add(name)
        self._settle()

    def expel(self, name: str) -> None:
        """Wait no longer for a client that sent what no honest one sends, and ask it no more."""
        self._expelled.add(name)
        self.questions.pop(name, None)
        self._settle()

    def receive(self, name: str, frame: bytes) -> None:
        """A message from the client that the connection belongs to; late ones are dropped.

        Raises:
            WireError, ProtocolError, SignatureError, ...: as `Server.step`, or not in this client's name.
        """
        _require_sender(frame, name)
        if self.over or name not in self.questions:
            return
        before, messages = self.phase, self._session.handle(frame)
        self._answered.add(name)
        self._follow(before, messages)

    def late(self) -> None:
        """The phase's time is up."""
        before, answers, minimum = self.phase, len(self._answered), self.limits.minimum
        if answers < minimum:
            messages = self._session.abort(f"{answers} answers, {minimum} needed; start a new round")
        else:
            messages = self._session.handle(Deadline())
        self._follow(before, messages)

    def _follow(self, before: str, messages: tuple[Outgoing, ...]) -> None:
        if self.phase != before:
            asked = {message.receiver: message.payload for message in messages}
            self.questions = {name: asked[name] for name in asked.keys() - self._expelled}
            self._answered.clear()
            self._entered()
        self._settle()

    def _settle(self) -> None:
        if self.over:
            return
        waited_for = self.questions.keys() - self._answered - self._gone
        if not waited_for or len(self._answered) >= self.limits.maximum:
            self.late()


def _require_sender(frame: bytes, name: str) -> None:
    """Raise ProtocolError unless the message names this client as its sender, WireError if it is none."""
    sender = _sender_of(frame)
    if sender != name:
        raise ProtocolError(f"{name!r} sent a message of {str(sender)[:40]!r}; close its connection")


def _sender_of(frame: bytes) -> object:
    """The first field after the header; secagg checks all the rest, and that there is no other reading."""
    reader = msgpack.Unpacker(raw=False)
    reader.feed(frame[:_HEAD_BYTES])
    try:
        if reader.read_array_header() <= _FIELDS_BEFORE_SENDER:
            raise WireError("a message without a sender; close the connection")
        for _ in range(_FIELDS_BEFORE_SENDER):
            reader.skip()
        return reader.unpack()
    except (ValueError, msgpack.exceptions.UnpackException) as error:
        raise WireError("no message of a client; close the connection") from error
