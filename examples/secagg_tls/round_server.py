"""Connections and the clock of one round: between sockets and the conductor."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from examples.secagg_tls.channel import peer_name, server_context
from examples.secagg_tls.conductor import Conductor, Limits
from examples.secagg_tls.frames import HELLO, OVER, read_frame, write_frame
from examples.secagg_tls.job import Job, load_roster
from examples.secagg_tls.store import Store
from gradveil.exchange import GradveilError, WireError
from secagg import Closed, Done, RoundConfig, Server, ServerSession

_HANDSHAKE_SECONDS = 10.0
_FAREWELL_SECONDS = 5.0

Announce = Callable[..., None]
"""Takes the name of an event and its fields."""


class RoundServer:
    """Connections and the clock of one round.

    Args:
        folder: of the server, see `job.enrol`.
        limits: of each phase.
        announce: told of phases, dropouts and refused clients.
        snapshots: whether to write one after each phase, and to go on from one if it is there.
        die_after: kill this process after the snapshot of this phase, for demonstration.
    """

    def __init__(
        self,
        folder: Path,
        limits: Mapping[str, Limits],
        announce: Announce,
        *,
        snapshots: bool = False,
        die_after: str | None = None,
    ) -> None:
        job, self._roster = Job.load(folder), load_roster(folder)
        self._context, self._limit = server_context(folder), job.upload_limit
        self._announce, self._snapshots, self._die_after = announce, snapshots, die_after
        self._store = Store(folder)
        self._writers: dict[str, asyncio.StreamWriter] = {}
        self._moved, self._empty = asyncio.Event(), asyncio.Event()
        self._config = job.config(self._roster)
        self._conductor = self._begin(self._config, limits)
        self._phase = self._conductor.phase

    async def run(self, listener: socket.socket) -> Done | Closed:
        """Serve until the round is over; takes the socket over."""
        server = await asyncio.start_server(
            self._connected,
            sock=listener,
            ssl=self._context,
            ssl_handshake_timeout=_HANDSHAKE_SECONDS,
            ssl_shutdown_timeout=_FAREWELL_SECONDS,
        )
        async with server:
            await self._keep_time()
            await self._farewell()
        state = self._conductor.state
        assert isinstance(state, Done | Closed)  # noqa: S101 - for the type checker
        return state

    def _begin(self, config: RoundConfig, limits: Mapping[str, Limits]) -> Conductor:
        found = self._store.load(config) if self._snapshots else None
        state, questions = found or (None, dict.fromkeys(self._roster.clients, HELLO))
        session = ServerSession(Server(config, roster=self._roster), state)
        return Conductor(session, limits, questions, self._entered)

    async def _keep_time(self) -> None:
        while not self._conductor.over:
            self._moved.clear()
            try:
                await asyncio.wait_for(self._moved.wait(), self._conductor.limits.seconds)
            except TimeoutError:
                self._conductor.late()

    async def _farewell(self) -> None:
        """Clients hang up when they are told that the round is over; do not wait long for the others."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL_SECONDS):
                while self._writers:
                    self._empty.clear()
                    await self._empty.wait()
        for writer in self._writers.values():
            writer.transport.abort()

    def _entered(self) -> None:
        """Keep, then ask: a question that went out is on disk, so a restarted server never asks another."""
        ended, self._phase = self._phase, self._conductor.phase
        self._keep()
        self._announce("phase", phase=self._phase, clients=len(self._conductor.questions))
        if ended == self._die_after and not self._conductor.over:
            os.kill(os.getpid(), signal.SIGKILL)
        self._moved.set()
        for name in self._writers:
            self._tell(name)

    def _keep(self) -> None:
        match self._conductor.state:
            case Done(aggregate=aggregate):
                self._store.finish(aggregate)
            case Closed():
                self._store.forget()
            case state if self._snapshots:
                self._store.save(state, self._conductor.questions, self._config)

    def _tell(self, name: str) -> None:
        """Not awaited: a client that does not read holds up nobody, and no more than a round is queued."""
        if question := self._conductor.unanswered(name):
            write_frame(self._writers[name], question)
        if self._conductor.over or name not in self._conductor.questions:
            write_frame(self._writers[name], OVER)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = ""
        try:
            name = self._admit(writer)
            while (frame := await read_frame(reader, self._limit)) is not None:
                self._conductor.receive(name, frame)
        except GradveilError as error:
            self._announce("refused", client=name, error=f"{type(error).__name__}: {error}")
            self._conductor.expel(name)
        except OSError:
            pass  # the connection broke
        finally:
            self._dismiss(name, writer)

    def _admit(self, writer: asyncio.StreamWriter) -> str:
        """A client that comes back replaces its old connection; raises WireError for a stranger."""
        name = peer_name(writer)
        if name not in self._roster.clients:
            raise WireError(f"{name!r} is not on the roster; enrol it for a new job")
        if name in self._writers:
            self._writers[name].transport.abort()
        self._writers[name] = writer
        self._conductor.arrive(name)
        self._tell(name)
        return name

    def _dismiss(self, name: str, writer: asyncio.StreamWriter) -> None:
        writer.close()
        if self._writers.get(name) is not writer:
            return
        del self._writers[name]
        if not self._writers:
            self._empty.set()
        if not self._conductor.over:
            self._announce("gone", client=name)
        self._conductor.leave(name)
