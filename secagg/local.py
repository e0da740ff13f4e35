"""A whole round in one process, for audits, tests and simulations; measures bytes and seconds."""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from gradveil.parties import Identity, Roster
from secagg.adversary import Adversary
from secagg.client import Client
from secagg.config import SESSION_BYTES, RoundConfig, default_threshold
from secagg.errors import AbortedError, ProtocolError
from secagg.events import SERVER, Begin, Closed, Contribute, Deadline, Event, Outgoing
from secagg.parameters import Parameters
from secagg.ring import FixedPoint
from secagg.server import Server
from secagg.server_states import Aggregate, Done, Summing
from secagg.session import ClientSession, ServerSession


@dataclass(frozen=True)
class Envelope:
    """One message that crossed the wire."""

    sender: str
    receiver: str
    payload: bytes = field(repr=False)


class LocalRound:
    """All parties of one round; each step passes real messages as bytes.

    Args:
        clients: their ids.
        fixed_point: numbers on the ring.
        length: values of each vector.
        context: 32-byte hash of the model and configuration.
        threshold: shares that rebuild a secret; `default_threshold` if None.
        parameters: threshold and neighbours by `secagg.choose`, instead.
        adversary: whether messages are signed and survivors confirmed.

    Attributes:
        client_seconds: time in the steps of each client.
        server_seconds: time in the steps of the server.

    Raises:
        ProtocolError: repeated clients, or one named "server".
    """

    def __init__(
        self,
        clients: Sequence[str],
        fixed_point: FixedPoint,
        length: int,
        *,
        context: bytes,
        threshold: int | None = None,
        parameters: Parameters | None = None,
        adversary: Adversary = Adversary.SEMI_HONEST,
    ) -> None:
        if len(set(clients)) != len(clients) or SERVER in clients:
            raise ProtocolError(f"client ids must be distinct and not {SERVER!r}; rename them")
        sparse = None if parameters is None or parameters.complete else parameters.neighbours
        if parameters is not None:
            threshold = parameters.threshold
        config = RoundConfig(
            session=secrets.token_bytes(SESSION_BYTES),
            round=0,
            context=context,
            threshold=default_threshold(len(clients)) if threshold is None else threshold,
            encoding=fixed_point,
            length=length,
            neighbours=sparse,
            adversary=adversary,
        )
        roster, identities = enrolled(clients, adversary)
        self._clients: dict[str, ClientSession] = {
            name: ClientSession(Client(name, config, identity=identities.get(name), roster=roster))
            for name in clients
        }
        server = Server(config, expects=len(clients), roster=roster)
        self._server = ServerSession(server)
        self._messages: list[Envelope] = []
        self._pending: tuple[Outgoing, ...] = ()
        self.client_seconds = dict.fromkeys(clients, 0.0)
        self.server_seconds = 0.0

    @property
    def messages(self) -> tuple[Envelope, ...]:
        """All messages so far, in order."""
        return tuple(self._messages)

    def share_keys(self, absent: Collection[str] = ()) -> None:
        """Rounds 0 and 1; `absent` clients advertise keys and vanish before sharing them."""
        _require_present(absent, self._clients)
        directories: tuple[Outgoing, ...] = ()
        for name in self._clients:
            (keys,) = self._ask(name, Begin())
            directories += self._tell_server(name, keys)
        directories = directories or self._serve(Deadline())
        self._require_open()
        routed: tuple[Outgoing, ...] = ()
        for directory in directories:
            self._note(SERVER, directory.receiver, directory.payload)
            if directory.receiver not in absent:
                (shares,) = self._ask(directory.receiver, directory.payload)
                routed += self._tell_server(directory.receiver, shares)
        routed = routed or self._serve(Deadline())
        self._require_open()
        for message in routed:
            self._tell(message)

    def mask(self, client: str, vector: NDArray[np.float32], weight: int) -> bytes:
        """Round 2: one client's MaskedInput of a float32 vector (length,); raises as `Client.step` does."""
        if client not in self._clients:
            raise ProtocolError(f"no client {client!r} in this round; name one of its clients")
        (masked,) = self._ask(client, Contribute(vector, weight))
        return masked.payload

    def submit(self, payload: bytes) -> str:
        """Round 2: the server adds a masked vector on arrival and says whose; raises as `Server.step`."""
        before = self._survivors()
        self._pending = self._serve(payload)
        (client,) = self._survivors() - before
        self._note(client, SERVER, payload)
        return client

    def unmask(self, absent: Collection[str] = ()) -> Aggregate:
        """Rounds 3 and 4; `absent` clients sent their vector and vanish before answering.

        Raises:
            AbortedError: too few vectors or answers, or wrong shares.
        """
        _require_present(absent, self._survivors())
        messages = self._pending if not isinstance(self._server.state, Summing) else self._serve(Deadline())
        while messages and not isinstance(self._server.state, Done | Closed):
            messages = self._exchange(messages, absent)
        self._require_open()
        if isinstance(self._server.state, Done):
            return self._server.state.aggregate
        raise AbortedError("the round stopped half-way; start a new one")

    def _require_open(self) -> None:
        if isinstance(self._server.state, Closed):
            raise AbortedError(self._server.state.reason)

    def _exchange(self, messages: Sequence[Outgoing], absent: Collection[str]) -> tuple[Outgoing, ...]:
        """Everybody present answers; then the phase ends."""
        phase, following = type(self._server.state), tuple[Outgoing, ...]()
        for message in messages:
            self._note(SERVER, message.receiver, message.payload)
            if message.receiver not in absent:
                for answer in self._ask(message.receiver, message.payload):
                    following += self._tell_server(message.receiver, answer)
        return following if type(self._server.state) is not phase else self._serve(Deadline())

    def _survivors(self) -> frozenset[str]:
        return frozenset(getattr(self._server.state, "survivors", ()))

    def _tell(self, message: Outgoing) -> None:
        self._note(SERVER, message.receiver, message.payload)
        self._ask(message.receiver, message.payload)

    def _tell_server(self, sender: str, message: Outgoing) -> tuple[Outgoing, ...]:
        self._note(sender, SERVER, message.payload)
        return self._serve(message.payload)

    def _note(self, sender: str, receiver: str, payload: bytes) -> None:
        self._messages.append(Envelope(sender, receiver, payload))

    def _ask(self, client: str, event: Event) -> tuple[Outgoing, ...]:
        start = perf_counter()
        try:
            return self._clients[client].handle(event)
        finally:
            self.client_seconds[client] += perf_counter() - start

    def _serve(self, event: Event) -> tuple[Outgoing, ...]:
        start = perf_counter()
        try:
            return self._server.handle(event)
        finally:
            self.server_seconds += perf_counter() - start


def enrolled(clients: Sequence[str], adversary: Adversary) -> tuple[Roster | None, dict[str, Identity]]:
    """Identities of all clients and the roster that lists them; neither where nothing is signed."""
    if adversary is Adversary.SEMI_HONEST:
        return None, {}
    identities = {name: Identity.generate(name) for name in clients}
    return Roster.of(identities.values(), Identity.generate(SERVER)), identities


def _require_present(absent: Collection[str], present: Collection[str]) -> None:
    strangers = set(absent) - set(present)
    if strangers:
        raise ProtocolError(f"{min(strangers)!r} is not in this phase, so it cannot vanish; correct `absent`")
