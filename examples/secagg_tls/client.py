"""A client's process: one round, over as many connections as it takes."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from examples.secagg_tls.channel import connect
from examples.secagg_tls.frames import HELLO, read_frame, write_frame
from examples.secagg_tls.job import IDENTITY, Job, contribution, load_roster
from gradveil.exchange import GradveilError, wire
from gradveil.parties import Identity
from secagg import Begin, Client, ClientSession, Closed, Contribute
from secagg.client_states import Ready

QUESTIONS = ("directory", "routed", "survivors", "confirmations")
"""What the server sends, in order."""

_PAUSES = (0.0, 0.0, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds before each connection."""

Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


class Participant:
    """Answers questions, and a repeated question with the same bytes: no secret is used twice.

    Args:
        session: of a client that has not begun.
        vector: to be contributed.
        die_on: kill this process on hearing this question, for demonstration.
    """

    def __init__(self, session: ClientSession, vector: Contribute, die_on: str | None = None) -> None:
        self._session, self._vector, self._die_on = session, vector, die_on
        self._question, self._answer = b"", b""

    @property
    def outcome(self) -> str:
        """How the round ended for this client: "answered" if it did all it had to."""
        state = self._session.state
        return state.reason if isinstance(state, Closed) else "left out; join the next round"

    def reply(self, question: bytes) -> bytes:
        """The answer, empty if none is due; raises as `Client.step` does."""
        if question != self._question:
            self._question, self._answer = question, self._hear(question)
        return self._answer

    def _hear(self, question: bytes) -> bytes:
        if question != HELLO and wire.kind_of(question) == f"secagg-{self._die_on}":
            os.kill(os.getpid(), signal.SIGKILL)
        messages = self._session.handle(Begin() if question == HELLO else question)
        if isinstance(self._session.state, Ready):
            messages = self._session.handle(self._vector)
        return messages[0].payload if messages else b""


async def take_part(participant: Participant, connect: Connect, limit: int) -> None:
    """Answer until the server says that the round is over.

    Raises:
        GradveilError: the server asked for something unsafe, or sent more than `limit` bytes.
        ssl.SSLError: it is not our server, or it refuses our certificate and says so.
        ConnectionError: it cannot be reached any more, or hangs up whenever it is.
    """
    for pause in _PAUSES:
        await asyncio.sleep(pause)
        try:
            if await _converse(participant, *await connect(), limit):
                return
        except ConnectionError:
            continue
    raise ConnectionError("the server cannot be reached; join the next round")


async def _converse(
    participant: Participant, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int
) -> bool:
    """Whether the round is over, False if only the connection is."""
    try:
        while question := await read_frame(reader, limit):
            if answer := participant.reply(question):
                write_frame(writer, answer)
                await writer.drain()
        return question is not None
    finally:
        writer.close()


def load_participant(folder: Path, die_on: str | None = None) -> Participant:
    """The client that owns this folder."""
    job, roster, identity = Job.load(folder), load_roster(folder), Identity.load(folder / IDENTITY)
    client = Client(identity.name, job.config(roster), identity=identity, roster=roster)
    return Participant(ClientSession(client), contribution(identity.name, job.length), die_on)


async def _run(options: argparse.Namespace) -> str:
    participant = load_participant(options.folder, options.die_on)
    limit = Job.load(options.folder).download_limit
    async with asyncio.timeout(options.seconds):
        await take_part(participant, partial(connect, options.folder, options.port), limit)
    return participant.outcome


def main() -> int:
    """Exit status 0 if this client answered to the end, else 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of this client, see job.enrol")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=300.0, help="for the whole round")
    parser.add_argument("--die-on", choices=QUESTIONS, help="SIGKILL itself on hearing this")
    options = parser.parse_args()
    try:
        outcome = asyncio.run(_run(options))
    except (GradveilError, OSError) as error:
        outcome = f"{type(error).__name__}: {error}"
    if outcome != "answered":
        print(f"{options.folder.name}: {outcome}", file=sys.stderr)
    return int(outcome != "answered")


if __name__ == "__main__":
    sys.exit(main())
