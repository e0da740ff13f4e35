"""Our side: package `secagg` as transports use it, each step from bytes to bytes.

Against a semi-honest server, as that is all the peer offers; stochastic rounding, as the peer rounds.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gradveil.bench.results import OURS
from gradveil.bench.secagg_contender import CLIP, Notes, Vectors
from gradveil.bench.secagg_plan import SecAggMetric
from secagg import (
    Aggregate,
    Begin,
    Client,
    ClientSession,
    Contribute,
    Deadline,
    Done,
    Event,
    FixedPoint,
    Outgoing,
    RoundConfig,
    Server,
    ServerSession,
    default_threshold,
)

Clients = Mapping[str, ClientSession]

_SESSION, _CONTEXT = bytes(16), bytes(32)


class Ours:
    """The complete graph on a ring of 32 bits."""

    name, package = "secagg, complete graph:", OURS

    def run(self, vectors: Vectors, dropped: int, notes: Notes) -> NDArray[np.floating]:
        """See `Contender.run`."""
        total = _round(_server(*vectors.shape), vectors, dropped, notes).total
        return np.asarray(total[:-1] / total[-1])

    def mask(self, vectors: Vectors, clients: int, notes: Notes) -> None:
        """Only the masking, of as many of the clients as there are vectors."""
        sessions = _clients(clients, vectors.shape[1])
        routed = _share(sessions, _server(clients, vectors.shape[1]), Notes.unread())
        for name, vector in zip(sessions, vectors, strict=False):
            notes.timed(SecAggMetric.CLIENT_MASK, partial(_mask, sessions[name], routed[name], vector))


def _config(clients: int, length: int) -> RoundConfig:
    encoding = FixedPoint(clip=CLIP, max_clients=clients, max_weight=1, rounding="stochastic")
    return RoundConfig(_SESSION, 0, _CONTEXT, default_threshold(clients), encoding, length)


def _server(clients: int, length: int) -> ServerSession:
    return ServerSession(Server(_config(clients, length), expects=clients))


def _clients(clients: int, length: int) -> Clients:
    config = _config(clients, length)
    names = (f"client-{number:04}" for number in range(clients))
    return {name: ClientSession(Client(name, config)) for name in names}


def _round(server: ServerSession, vectors: Vectors, dropped: int, notes: Notes) -> Aggregate:
    clients = _clients(*vectors.shape)
    routed = _share(clients, server, notes)
    survivors: tuple[Outgoing, ...] = ()
    for name, vector in list(zip(clients, vectors, strict=True))[dropped:]:
        work = partial(_mask, clients[name], routed[name], vector)
        payload = notes.timed(SecAggMetric.CLIENT_MASK, work)
        notes.note(SecAggMetric.UPLINK, len(payload) / vector.size)
        survivors = server.handle(payload)
    answers = [_only(clients[each.receiver], each.payload) for each in survivors or server.handle(Deadline())]
    return notes.timed(SecAggMetric.SERVER_UNMASK, partial(_unmask, server, answers))


def _share(clients: Clients, server: ServerSession, notes: Notes) -> dict[str, bytes]:
    """What each client is sent of the others' shares."""
    directories: tuple[Outgoing, ...] = ()
    for session in clients.values():
        directories += server.handle(_only(session, Begin()))
    routed: tuple[Outgoing, ...] = ()
    for each in directories:
        work = partial(_only, clients[each.receiver], each.payload)
        routed += server.handle(notes.timed(SecAggMetric.CLIENT_SHARE, work))
    return {each.receiver: each.payload for each in routed}


def _mask(client: ClientSession, routed: bytes, vector: NDArray[np.float32]) -> bytes:
    client.handle(routed)
    return _only(client, Contribute(vector))


def _unmask(server: ServerSession, answers: Sequence[bytes]) -> Aggregate:
    for answer in answers:
        server.handle(answer)
    return _aggregate(server)


def _aggregate(server: ServerSession) -> Aggregate:
    assert isinstance(server.state, Done)  # noqa: S101 - all survivors answered
    return server.state.aggregate


def _only(client: ClientSession, event: Event) -> bytes:
    (message,) = client.handle(event)
    return message.payload
