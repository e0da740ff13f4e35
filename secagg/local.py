"""A whole round in one process, for audits, tests and simulations; measures bytes and seconds."""

import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from secagg.client import Client
from secagg.config import SESSION_BYTES, RoundConfig, default_threshold
from secagg.errors import ProtocolError
from secagg.ring import FixedPoint
from secagg.server import Aggregate, Server

SERVER = "server"
"""Name of the server in envelopes; no client may bear it."""

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Envelope:
    """One message that crossed the wire."""

    sender: str
    receiver: str
    payload: bytes = field(repr=False)


class LocalRound:
    """All parties of one round; each step passes real messages as bytes.

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
    ) -> None:
        if len(set(clients)) != len(clients) or SERVER in clients:
            raise ProtocolError(f"client ids must be distinct and not {SERVER!r}; rename them")
        threshold = default_threshold(len(clients)) if threshold is None else threshold
        session = secrets.token_bytes(SESSION_BYTES)
        config = RoundConfig(session, 0, context, threshold, fixed_point, length)
        self._clients = {name: Client(name, config) for name in clients}
        self._server = Server(config)
        self._survivors: list[str] = []
        self._messages: list[Envelope] = []
        self.client_seconds = dict.fromkeys(clients, 0.0)
        self.server_seconds = 0.0

    @property
    def messages(self) -> tuple[Envelope, ...]:
        """All messages so far, in order."""
        return tuple(self._messages)

    def share_keys(self, absent: Collection[str] = ()) -> None:
        """Rounds 0 and 1; `absent` clients advertise keys and vanish before sharing them."""
        for name, client in self._clients.items():
            self._up(name, self._timed(name, client.advertise), self._server.receive_keys)
        roster = self._serve(self._server.close_keys)
        for name in self._clients:
            self._down(name, roster)
        for name in self._present(self._clients, absent):
            shares = self._timed(name, self._clients[name].share_keys, roster)
            self._up(name, shares, self._server.receive_shares)
        for name, routed in self._serve(self._server.close_shares).items():
            self._down(name, routed)
            self._timed(name, self._clients[name].receive_shares, routed)

    def mask(self, client: str, vector: NDArray[np.float32], weight: int) -> bytes:
        """Round 2: one client's MaskedInput of a float32 vector (length,); raises as `Client.mask` does."""
        if client not in self._clients:
            raise ProtocolError(f"no client {client!r} in this round; name one of its clients")
        return self._timed(client, self._clients[client].mask, vector, weight)

    def submit(self, payload: bytes) -> str:
        """Round 2: the server adds a masked vector on arrival and says whose; raises as `receive_input`."""
        client = self._serve(self._server.receive_input, payload)
        self._messages.append(Envelope(client, SERVER, payload))
        self._survivors.append(client)
        return client

    def unmask(self, absent: Collection[str] = ()) -> Aggregate:
        """Round 4; `absent` clients sent their vector and vanish before answering.

        Raises:
            TooFewClientsError: too few vectors, or too few answers.
        """
        dead = self._serve(self._server.close_inputs)
        for name in self._survivors:
            self._down(name, dead)
        for name in self._present(self._survivors, absent):
            self._up(name, self._timed(name, self._clients[name].unmask, dead), self._server.receive_unmask)
        return self._serve(self._server.finish)

    def _present(self, names: Collection[str], absent: Collection[str]) -> list[str]:
        strangers = set(absent) - set(names)
        if strangers:
            raise ProtocolError(
                f"{min(strangers)!r} is not in this phase, so it cannot vanish; correct `absent`"
            )
        return [name for name in names if name not in absent]

    def _up(self, sender: str, payload: bytes, receive: Callable[[bytes], None]) -> None:
        self._messages.append(Envelope(sender, SERVER, payload))
        self._serve(receive, payload)

    def _down(self, receiver: str, payload: bytes) -> None:
        self._messages.append(Envelope(SERVER, receiver, payload))

    def _timed(self, client: str, step: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        start = perf_counter()
        result = step(*args, **kwargs)
        self.client_seconds[client] += perf_counter() - start
        return result

    def _serve(self, step: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        start = perf_counter()
        result = step(*args, **kwargs)
        self.server_seconds += perf_counter() - start
        return result
