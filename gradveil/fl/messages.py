"""What travels between server and clients of one round, whatever carries it.

Every request repeats the terms of its round, so that a client can tell a round that it takes part in from
one that is over, one that it forgot, and one that was opened under another plan.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from gradveil.exchange import WireError, wire
from gradveil.parties import Identity, Roster
from gradveil.plan import Purpose
from secagg.phases import Phase

VERSION = 1
SESSION_BYTES = 16
MAX_MESSAGE_BYTES = 2**31 - 1

REFUSAL = "fl-refusal"

_HASH_BYTES = 32
_MAX_ROUND = 2**32
_MAX_REFUSAL_BYTES = 400
_REPLY = b"gradveil fl reply v1\0"
_CONTEXT = b"gradveil fl context v1\0"


class Given(NamedTuple):
    """SHA-256 of the model and of the configuration that all clients of a round are given."""

    model: bytes
    config: bytes

    @classmethod
    def of(cls, model: Iterable[bytes], sealed: bytes, config: Iterable[bytes]) -> Self:
        """From canonical bytes of the readable model, its encrypted part, and the configuration."""
        return cls(_digest(b"model", [sealed, *model]), _digest(b"config", config))


@dataclass(frozen=True)
class Terms:
    """What a round is opened with, the same for all its clients.

    Attributes:
        session: 16 random bytes of the server's process.
        round: of the job, never used twice in it.
        purpose: training or evaluation.
        given: hashes of the model and configuration that clients are given.
        plan: `Plan.hash`.
        roster: `Roster.hash`.

    Raises:
        WireError: a field of another length or range.
    """

    session: bytes
    round: int
    purpose: Purpose
    given: "Given"
    plan: bytes
    roster: bytes

    def __post_init__(self) -> None:
        hashes = (*self.given, self.plan, self.roster)
        if len(self.session) != SESSION_BYTES or any(len(each) != _HASH_BYTES for each in hashes):
            raise WireError("a field of a round's terms has another length; the sender is broken")
        if not 0 <= self.round < _MAX_ROUND:
            raise WireError(f"round {self.round} is not in 0 .. {_MAX_ROUND - 1}; start a new job")

    @property
    def context(self) -> bytes:
        """What enters every derived key: clients' masks cancel only if all were given the same, 32 bytes."""
        return hashlib.sha256(_CONTEXT + wire.pack("fl-terms", VERSION, self.fields)).digest()

    @property
    def subject(self) -> bytes:
        """What two sums must not be about, lest they be subtracted: purpose and model, 32 bytes."""
        return _digest(b"subject", [self.purpose.encode(), self.given.model])

    @property
    def fields(self) -> list[object]:
        """For an envelope."""
        return [self.session, self.round, str(self.purpose), *self.given, self.plan, self.roster]

    @classmethod
    def from_fields(cls, session: bytes, round_: int, purpose: str, *hashes: bytes) -> Self:
        """What `fields` gave; raises WireError."""
        if purpose not in list(Purpose):
            raise WireError(f"no purpose {purpose[:20]!r}; upgrade the older side")
        model, config, plan, roster = hashes
        return cls(session, round_, Purpose(purpose), Given(model, config), plan, roster)


_TERMS = (bytes, int, str, bytes, bytes, bytes, bytes)


@dataclass(frozen=True)
class Request:
    """Server to client: one phase of a round.

    Attributes:
        terms: of the round.
        phase: what is asked for.
        payload: a message of `secagg`, or empty.
    """

    terms: Terms
    phase: Phase
    payload: bytes = field(default=b"", repr=False)

    def to_bytes(self) -> bytes:
        """Canonical bytes."""
        return wire.pack("fl-request", VERSION, [*self.terms.fields, str(self.phase), self.payload])

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Decode; raises WireError."""
        types = (*_TERMS, str, bytes)
        values = wire.unpack(data, "fl-request", VERSION, types, max_bytes=MAX_MESSAGE_BYTES)
        *terms, phase, payload = values
        return cls(Terms.from_fields(*terms), _phase(phase), payload)


@dataclass(frozen=True)
class Reply:
    """Client to server: its answer in one phase, signed."""

    terms: Terms
    phase: Phase
    client: str
    payload: bytes = field(repr=False)

    def to_bytes(self, identity: Identity) -> bytes:
        """Canonical bytes with the client's signature behind them."""
        fields = [self.terms.context, str(self.phase), self.client, self.payload]
        packed = wire.pack("fl-reply", VERSION, fields)
        return wire.pack("fl-signed", VERSION, [packed, identity.sign(packed, _REPLY)])

    @classmethod
    def from_bytes(cls, data: bytes, terms: Terms, roster: Roster, limit: int) -> Self:
        """Decode an answer of this round.

        Raises:
            WireError: damaged, oversized, or of another round.
            SignatureError: not signed by a client of the roster.
        """
        packed, signature = wire.unpack(data, "fl-signed", VERSION, (bytes, bytes), max_bytes=limit)
        types = (bytes, str, str, bytes)
        context, phase, client, payload = wire.unpack(packed, "fl-reply", VERSION, types, max_bytes=limit)
        if context != terms.context:
            raise WireError("an answer of another round; drop it")
        roster.verify_client(client, signature, packed, _REPLY)
        return cls(terms, _phase(phase), client, payload)


@dataclass(frozen=True)
class Refusal:
    """Client to server, instead of an answer: the class of the error.

    Its message stays in the client's own log: it may tell of the data, such as a number of examples.
    """

    error: str

    def to_bytes(self) -> bytes:
        """Canonical bytes."""
        return wire.pack(REFUSAL, VERSION, [self.error])

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Decode; raises WireError."""
        (error,) = wire.unpack(data, REFUSAL, VERSION, (str,), max_bytes=_MAX_REFUSAL_BYTES)
        if not error.isidentifier():
            raise WireError("a refusal names no error; the sender is broken")
        return cls(error)


def _digest(label: bytes, parts: Iterable[bytes]) -> bytes:
    found = hashlib.sha256(b"gradveil fl given v1\0" + label)
    for part in parts:
        found.update(len(part).to_bytes(8, "little") + part)
    return found.digest()


def _phase(text: str) -> Phase:
    if text not in list(Phase):
        raise WireError(f"no phase {text[:20]!r}; upgrade the older side")
    return Phase(text)
