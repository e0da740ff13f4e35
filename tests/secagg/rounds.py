"""Small rounds, driven step by step so that a test can lie, vanish or look at any of them."""

import hashlib

import numpy as np

from gradveil.exchange import GradveilError
from gradveil.parties import Identity, Roster
from secagg import (
    SERVER,
    Adversary,
    Aggregate,
    Begin,
    Client,
    ClientSession,
    Closed,
    Contribute,
    Deadline,
    Done,
    FixedPoint,
    RoundConfig,
    Server,
    ServerSession,
)
from secagg.authentication import seal_message, split_message
from secagg.messages import Directory
from secagg.snapshots import client_from_bytes, client_to_bytes, server_from_bytes, server_to_bytes

CONTEXT = bytes(range(32))
SESSION = bytes(range(16))
LENGTH = 7
NAMES = ("ann", "bob", "cid", "dan")
MORE = (*NAMES, "eva", "fox", "gil", "hal", "ivy", "jon", "kim", "leo")
ENCODING = FixedPoint(clip=2.0, max_clients=16, max_weight=100)
MALICIOUS = Adversary.MALICIOUS

ANSWERED_BY = {
    "keys": "directory",
    "shares": "routed",
    "vectors": "survivors",
    "confirmations": "confirmed",
    "answers": "done",
}
"""What clients say in each phase, and what the server says to it."""


def config(threshold=3, **changes):
    fields = {"session": SESSION, "round": 5, "context": CONTEXT, "encoding": ENCODING, "length": LENGTH}
    return RoundConfig(threshold=threshold, **(fields | changes))


def vector(name):
    """A vector of its own for each name, the same in every run."""
    return np.random.default_rng(list(name.encode())).normal(0, 0.5, LENGTH).astype(np.float32)


def weight(name):
    return 1 + sum(name.encode()) % 100


def exact_sum(names, encoding=ENCODING):
    """What the ring total must be, computed with Python integers."""
    rows = [encoding.encode(vector(name), weight(name)).tolist() for name in names]
    return [sum(column) % 2**encoding.modulus_bits for column in zip(*rows, strict=True)]


def identity(name):
    return Identity.from_private_bytes(name, hashlib.sha256(name.encode()).digest())


def enrolled(names):
    return Roster.of(map(identity, names), identity(SERVER))


def steps_of(adversary):
    """Clients speak, the server answers; "ready" is when clients have heard the routed shares."""
    phases = list(ANSWERED_BY) if adversary is MALICIOUS else ["keys", "shares", "vectors", "answers"]
    steps = [step for phase in phases for step in (phase, ANSWERED_BY[phase])]
    steps.insert(steps.index("routed") + 1, "ready")
    return steps


def phases_of(adversary):
    """What clients say, in order."""
    return [step for step in steps_of(adversary) if step in ANSWERED_BY]


class Round:
    """Clients and a server, up to the step a test asks for.

    `absent` maps what clients say to the names that vanish before they say it. `sent` and `told` keep all
    messages by step and client, `refused` the errors of clients that left on their own.
    """

    client_session, server_session = ClientSession, ServerSession

    def __init__(self, names=NAMES, absent=None, floors=None, **changes):
        self.config = config(**changes)
        self.malicious = self.config.adversary is MALICIOUS
        self.roster = enrolled(names) if self.malicious else None
        self.clients = {name: self.client_session(self.client(name, floors)) for name in names}
        self.server = self.server_session(Server(self.config, expects=len(names), roster=self.roster))
        self.absent, self.gone = absent or {}, set()
        self.sent, self.told, self.refused = {}, {}, {}
        self._left = iter(steps_of(self.config.adversary))
        self._last = None

    def client(self, name, floors=None, **changes):
        """A new client of this round."""
        signer = identity(name) if self.malicious else None
        return Client(name, self.config, floors, identity=signer, roster=self.roster, **changes)

    def to(self, last):
        """Go on until this step is done, or the round is over."""
        for step in self._left:
            self._do(step)
            if step == last or isinstance(self.server.state, Closed):
                break
        return self

    def play(self):
        """Go on to the end; the aggregate, or the reason of the abort."""
        state = self.to("done").server.state
        return state.aggregate if isinstance(state, Done) else state.reason

    @property
    def directory(self):
        return Directory.from_bytes(next(iter(self.told["directory"].values())), self.config.header)

    @property
    def header(self):
        """The header of all messages behind the directory."""
        return self.server.state.cohort.header

    def bare(self, step, name):
        """A client's message without its signature."""
        return split_message(self.sent[step][name], self.config)[0]

    def signed(self, name, message):
        """A message as this client would send it."""
        return seal_message(identity(name) if self.malicious else None, message.to_bytes())

    def deliver(self, step):
        """The server hears all that was sent, and closes the phase if somebody is missing."""
        phase, said = type(self.server.state), ()
        for payload in self.sent[step].values():
            said += self.server.handle(payload)
        if type(self.server.state) is phase:
            said = self.server.handle(Deadline())
        return {message.receiver: message.payload for message in said}

    def _do(self, step):
        if step in ANSWERED_BY:
            self._speak(step)
        elif step == "ready":
            for name in self.told["routed"]:
                self._ask(name, self.told["routed"][name])
        else:
            self.told[step] = self.deliver(self._last)
        self._last = step if step != "ready" else self._last

    def _speak(self, step):
        self.gone |= set(self.absent.get(step, ()))
        events = {
            "keys": lambda: dict.fromkeys(self.clients, Begin()),
            "vectors": lambda: {name: contribution(name) for name in self.told["routed"]},
        }.get(step, lambda: self.told[self._last])()
        said = {name: self._ask(name, event) for name, event in events.items()}
        self.sent[step] = {name: messages[0].payload for name, messages in said.items() if messages}

    def _ask(self, name, event):
        if name in self.gone:
            return ()
        try:
            return self.clients[name].handle(event)
        except GradveilError as error:
            self.refused[name] = error
            self.gone.add(name)
            return ()


def saved(session):
    """The bytes of a party's state; None for a server that is done."""
    if isinstance(session, ClientSession):
        return client_to_bytes(session.state, session.client.config)
    return None if isinstance(session.state, Done) else server_to_bytes(session.state, session.server.config)


def restored(session, data, agreed=None):
    """The state in these bytes, for this round or another one."""
    if isinstance(session, ClientSession):
        return client_from_bytes(data, agreed or session.client.config)
    return server_from_bytes(data, agreed or session.server.config)


def contribution(name):
    return Contribute(vector(name), weight(name))


def assert_exact(aggregate, names, encoding=ENCODING):
    """The sum modulo the ring, and the mean within half a step."""
    assert isinstance(aggregate, Aggregate), aggregate
    assert aggregate.survivors == set(names)
    assert aggregate.ring_total.tolist() == exact_sum(names, encoding)
    weights = [weight(name) for name in names]
    assert aggregate.total[-1] == sum(weights)
    mean = np.average([vector(name) for name in names], axis=0, weights=weights)
    assert np.abs(aggregate.total[:-1] / aggregate.total[-1] - mean).max() <= encoding.step / 2
