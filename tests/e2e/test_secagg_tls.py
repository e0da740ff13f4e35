"""The example of secure aggregation over TLS: killed clients, a killed server, strangers, garbage."""

import asyncio
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from examples.secagg_tls import channel
from examples.secagg_tls.certificates import Authority
from examples.secagg_tls.client import load_participant, take_part
from examples.secagg_tls.conductor import PHASES, Conductor, Limits
from examples.secagg_tls.frames import HELLO, OVER, read_frame, write_frame
from examples.secagg_tls.job import Job, contribution, enrol, load_roster
from examples.secagg_tls.round_server import RoundServer
from examples.secagg_tls.store import Store
from gradveil.exchange import WireError, wire
from secagg import Closed, Server, ServerSession

ROOT = Path(__file__).parents[2]
NAMES = [f"client-{number}" for number in range(1, 6)]
HONEST, ROGUE = NAMES[:4], NAMES[4]
THRESHOLD, LENGTH = 4, 50
PATIENCE = 120
LIMITS = dict.fromkeys(PHASES, Limits(PATIENCE, THRESHOLD, len(NAMES)))


@contextmanager
def start(tmp_path, *arguments):
    (tmp_path / "tmp").mkdir()
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "examples.secagg_tls.run", *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):  # unless the test failed
            os.killpg(process.pid, signal.SIGKILL)
        with process:
            pass  # closes the pipes


def run(tmp_path, *arguments):
    with start(tmp_path, "--json", *arguments) as process:
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err
        assert_nothing_left(tmp_path, process.pid)
    return json.loads(out)


def assert_nothing_left(tmp_path, session):
    assert list((tmp_path / "tmp").iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.killpg(session, 0)


def assert_sum(ring_sum, names, length, clients):
    """The fixed-point numbers of these clients, added as Python integers."""
    encoding = Job("00" * 16, clients, length, THRESHOLD).encoding
    own = [contribution(name, length) for name in names]
    steps = [np.rint(each.vector.astype(np.float64) / encoding.step).astype(object) for each in own]
    total = sum(each.weight * step for each, step in zip(own, steps, strict=True))
    assert ring_sum == [*(int(value) % 2**32 for value in total), sum(each.weight for each in own)]


def test_two_of_eight_clients_are_killed(tmp_path):
    result = run(tmp_path, "--kill", "client-3=routed", "client-5=survivors", "--length", "1000")
    survivors = [f"client-{number}" for number in (1, 2, 4, 5, 6, 7, 8)]
    assert result["survivors"] == survivors
    assert_sum(result["sum"], survivors, 1000, 8)
    killed = {"client-3": -signal.SIGKILL, "client-5": -signal.SIGKILL}
    assert result["clients"] == dict.fromkeys(survivors, 0) | killed
    assert result["servers"] == [0]
    assert result["suspects"] == []


def test_the_server_is_killed_between_phases_and_goes_on(tmp_path):
    phases = ["advertising", "sharing", "summing", "confirming"]
    result = run(tmp_path, "--clients", "5", "--kill", "client-2=routed", "--kill-server", *phases)
    assert result["servers"] == [-signal.SIGKILL] * len(phases) + [0]
    assert result["survivors"] == ["client-1", "client-3", "client-4", "client-5"]
    assert result["exact"]
    assert [status for status in result["clients"].values() if status] == [-signal.SIGKILL]


def test_stopping_the_runner_leaves_nothing_behind(tmp_path):
    with start(tmp_path, "--clients", "3", "--length", "1000000") as process:
        assert "listening" in process.stdout.readline()
        os.killpg(process.pid, signal.SIGSTOP)  # nothing ends by itself from here
        process.terminate()
        process.send_signal(signal.SIGCONT)
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 128 + signal.SIGTERM
        assert_nothing_left(tmp_path, process.pid)


@pytest.fixture(scope="module")
def authority():
    return Authority.create()


@pytest.fixture
def folder(tmp_path, authority):
    enrol(tmp_path, NAMES, Job.create(len(NAMES), LENGTH, THRESHOLD), authority)
    return tmp_path


class Serving:
    """A server in this process, and what it announced."""

    def __init__(self, folder):
        self.folder, self.refused = folder, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.connect = partial(channel.connect, port=self.listener.getsockname()[1])

    def announce(self, event, **fields):
        if event == "refused":
            self.refused.append(fields["error"])

    async def run(self, limits=LIMITS):
        return await RoundServer(self.folder / "server", limits, self.announce).run(self.listener)

    async def take_part(self, name):
        participant = load_participant(self.folder / name)
        await take_part(participant, partial(self.connect, self.folder / name), 2**20)
        return participant.outcome


@asynccontextmanager
async def serving(folder):
    """Whatever happens inside, the honest clients get their sum afterwards."""
    place = Serving(folder)
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(place.run())
        yield place
        outcomes = await asyncio.gather(*map(place.take_part, HONEST))
        assert outcomes == ["answered"] * len(HONEST)
        await task
    result = Store(folder / "server").result()
    assert set(HONEST) <= set(result["survivors"])
    assert_sum(result["sum"], result["survivors"], LENGTH, len(NAMES))


async def assert_refused(connect, *arguments, **options):
    """A server that does not want a connection ends it, with an alert or without, and asks nothing."""
    question = None
    with suppress(OSError):
        reader, writer = await connect(*arguments, **options)
        with closing(writer):
            question = await read_frame(reader, 2**20)
    assert question is None


async def leave(place, name):
    """Join, and hang up when asked for the keys."""
    reader, writer = await place.connect(place.folder / name)
    with closing(writer):
        assert await read_frame(reader, 2**20) == HELLO


def test_a_certificate_of_another_authority_is_refused(folder):
    async def main():
        # The stranger trusts the server; it is the server that does not know the stranger.
        stranger = folder / "stranger"
        Authority.create().issue(ROGUE, stranger)
        (stranger / "authority.crt").write_bytes((folder / ROGUE / "authority.crt").read_bytes())
        async with serving(folder) as place:
            await assert_refused(place.connect, stranger)
            assert place.refused == []  # the handshake failed; nobody looked at the name
            await leave(place, ROGUE)

    asyncio.run(main())


def test_a_client_without_a_certificate_is_refused(folder):
    async def main():
        async with serving(folder) as place:
            port = place.listener.getsockname()[1]
            anonymous = ssl.create_default_context(cafile=folder / ROGUE / "authority.crt")
            connect = partial(asyncio.open_connection, "127.0.0.1", port, server_hostname="server")
            await assert_refused(connect, ssl=anonymous)
            assert place.refused == []
            await leave(place, ROGUE)

    asyncio.run(main())


def test_a_name_that_is_not_on_the_roster_is_refused(folder, authority):
    async def main():
        authority.issue("mallory", folder / "mallory")
        async with serving(folder) as place:
            await assert_refused(place.connect, folder / "mallory")
            assert place.refused == ["WireError: 'mallory' is not on the roster; enrol it for a new job"]
            await leave(place, ROGUE)

    asyncio.run(main())


def test_certificates_do_not_change_sides(folder):
    async def main():
        async with serving(folder) as place:
            await assert_refused(place.connect, folder / "server")
            await leave(place, ROGUE)
        server = await asyncio.start_server(
            lambda *_: None, "127.0.0.1", 0, ssl=channel.server_context(folder / ROGUE)
        )
        async with server:
            with pytest.raises(ssl.SSLCertVerificationError):
                await channel.connect(folder / HONEST[0], server.sockets[0].getsockname()[1])

    asyncio.run(main())


def framed(payload):
    return len(payload).to_bytes(4) + payload


def kind_of(question):
    return "hello" if question == HELLO else wire.kind_of(question).removeprefix("secagg-")


def signed_by_another(own, folder):
    return framed(load_participant(folder / HONEST[0]).reply(HELLO))


GARBAGE = {
    "noise": (lambda own, folder: framed(b"\xc1" * 300), "WireError"),
    "empty": (lambda own, folder: framed(b""), "WireError"),
    "too long": (lambda own, folder: (2**31).to_bytes(4), "WireError"),
    "of another client": (signed_by_another, "ProtocolError"),
    "badly signed": (lambda own, folder: framed(own[:-1] + bytes([own[-1] ^ 1])), "SignatureError"),
    "twice": (lambda own, folder: framed(own) * 2, "ProtocolError"),
}


@pytest.mark.parametrize("asked", ["hello", "directory", "routed", "survivors", "confirmations"])
@pytest.mark.parametrize("what", GARBAGE)
def test_garbage_ends_a_connection_and_not_the_round(folder, what, asked):
    make, error = GARBAGE[what]

    async def misbehave(place):
        participant = load_participant(folder / ROGUE)
        reader, writer = await place.connect(folder / ROGUE)
        with closing(writer), suppress(OSError):
            while kind_of(question := await read_frame(reader, 2**20)) != asked:
                write_frame(writer, participant.reply(question))
            writer.write(make(participant.reply(question), folder))
            while await read_frame(reader, 2**20) not in (None, OVER):
                pass

    async def main():
        async with asyncio.TaskGroup() as tasks, serving(folder) as place:
            tasks.create_task(misbehave(place))
        if what != "twice":
            (refused,) = place.refused
            assert refused.startswith(error)

    asyncio.run(main())


def test_who_sent_garbage_is_not_let_in_again(folder):
    async def main():
        async with serving(folder) as place:
            for expected in (HELLO, OVER):
                reader, writer = await place.connect(folder / ROGUE)
                with closing(writer), suppress(OSError):
                    assert await read_frame(reader, 2**20) == expected
                    writer.write(b"garbage!")
                    assert not await read_frame(reader, 2**20)

    asyncio.run(main())


def test_frames_are_limited_and_may_break_off():
    async def read(data, limit):
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        return await read_frame(reader, limit)

    assert asyncio.run(read(framed(b"abc"), 3)) == b"abc"
    for broken in (b"", b"\0\0", framed(b"abc")[:-1]):
        assert asyncio.run(read(broken, 3)) is None
    with pytest.raises(WireError, match="4 bytes exceeds the limit of 3"):
        asyncio.run(read((4).to_bytes(4), 3))


def conduct(folder, **limits):
    """A conductor without sockets, and a function that lets clients answer what they are asked."""
    roster = load_roster(folder / "server")
    server = Server(Job.load(folder / "server").config(roster), roster=roster)
    limits = LIMITS | {phase: Limits(PATIENCE, *counts) for phase, counts in limits.items()}
    found = Conductor(ServerSession(server), limits, dict.fromkeys(NAMES, HELLO), lambda: None)
    clients = {name: load_participant(folder / name) for name in NAMES}
    return found, partial(answer_all, found, clients)


def answer_all(conductor, clients, names):
    for name in names:
        conductor.receive(name, clients[name].reply(conductor.unanswered(name)))


def test_a_phase_ends_at_its_maximum_and_latecomers_are_dropped(folder):
    conductor, answer = conduct(folder, advertising=(THRESHOLD, THRESHOLD))
    late = load_participant(folder / ROGUE).reply(HELLO)
    answer(HONEST)
    assert conductor.phase == "sharing"
    assert conductor.unanswered(ROGUE) is None
    conductor.receive(ROGUE, late)
    assert conductor.questions.keys() == set(HONEST)


@pytest.mark.parametrize(("answers", "phase"), [(3, "closed"), (4, "sharing")])
def test_a_deadline_needs_the_minimum(folder, answers, phase):
    conductor, answer = conduct(folder)
    answer(NAMES[:answers])
    assert conductor.phase == "advertising"
    conductor.late()
    assert conductor.phase == phase


def test_dropouts_are_not_waited_for_unless_they_come_back(folder):
    conductor, answer = conduct(folder)
    conductor.leave(ROGUE)
    conductor.arrive(ROGUE)
    answer(HONEST)
    assert conductor.phase == "advertising"
    assert conductor.unanswered(HONEST[0]) is None
    conductor.leave(ROGUE)
    assert conductor.phase == "sharing"


def test_a_server_that_dies_within_a_phase_asks_again_and_hears_the_same(folder):
    roster, store = load_roster(folder / "server"), Store(folder / "server")
    server = Server(Job.load(folder / "server").config(roster), roster=roster)
    clients = {name: load_participant(folder / name) for name in NAMES}
    state, questions = None, dict.fromkeys(NAMES, HELLO)
    for phase in PHASES:
        for names in (NAMES[1:3], NAMES):  # the first ones are lost with the server
            session = ServerSession(server, state)
            conductor = Conductor(session, LIMITS, questions, lambda: None)
            assert conductor.phase == phase
            answer_all(conductor, clients, names)
            state, questions = store.load(server.config) or (None, questions)
        if phase != PHASES[-1]:
            store.save(conductor.state, conductor.questions, server.config)
            state, questions = store.load(server.config)
    assert_sum([int(each) for each in conductor.state.aggregate.ring_total], NAMES, LENGTH, len(NAMES))


def test_the_expelled_are_asked_no_more(folder):
    conductor, answer = conduct(folder)
    answer(NAMES)
    answer([ROGUE])
    conductor.expel(ROGUE)
    answer(HONEST)
    assert conductor.phase == "summing"
    assert conductor.questions.keys() == set(HONEST)


def test_a_round_that_nobody_joins_ends_by_the_clock(folder):
    limits = dict.fromkeys(PHASES, Limits(0.01, THRESHOLD, len(NAMES)))
    state = asyncio.run(Serving(folder).run(limits))
    assert state == Closed("0 answers, 4 needed; start a new round")


def test_everything_on_disk_is_private(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) == 6 * (len(NAMES) + 1)
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
