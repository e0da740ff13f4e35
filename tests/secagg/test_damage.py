"""Mutated messages, ten thousand by default, to both sides in every state: typed errors only, and soon."""

import random
from time import perf_counter

import msgpack
import pytest

from gradveil.exchange import GradveilError
from secagg import Adversary
from secagg.authentication import seal_message
from tests.secagg.rounds import Round, identity, restored, saved
from tests.secagg.test_transitions import CLIENT, DONORS, EVENTS, SERVER, UP, event_of, in_state

STATES = [
    (side, adversary, row[0], row[1])
    for side, table in (("client", CLIENT), ("server", SERVER))
    for adversary in Adversary
    for row in table[adversary]
]
EACH = -(-10_000 // len(STATES))
SECONDS = 5.0
"""No message may take longer, on a busy machine either; a good one takes milliseconds."""

EDGES = [0x00, 0x7F, 0x80, 0x8F, 0x90, 0x93, 0x9F, 0xA0, 0xC0, 0xC1, 0xC4, 0xC6, 0xC7, 0xC9]
EDGES += [0xCA, 0xCF, 0xD3, 0xD4, 0xD9, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF, 0xE0, 0xFF]


def flip(rng, data, _):
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 8])):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def truncate(rng, data, _):
    return data[: rng.randrange(len(data))]


def extend(rng, data, _):
    return data + rng.randbytes(rng.randrange(1, 100))


def edge(rng, data, _):
    """A type byte or a length at the edge of what MessagePack knows."""
    changed = bytearray(data)
    changed[rng.randrange(len(changed))] = rng.choice(EDGES)
    return bytes(changed)


def length(rng, data, _):
    """Four bytes that may be read as a huge length."""
    at = rng.randrange(len(data))
    return data[:at] + rng.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0"]) + data[at + 4 :]


def splice(rng, data, other):
    return data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]


def repeat(rng, data, _):
    start, stop = sorted(rng.choices(range(len(data)), k=2))
    return data[:stop] + data[start:stop] + data[stop:]


def noise(rng, *_):
    return rng.randbytes(rng.randrange(200))


def swap_fields(rng, data, other):
    """A valid envelope with a field of another message."""
    fields, donors = msgpack.unpackb(data), msgpack.unpackb(other)
    fields[rng.randrange(3, len(fields))] = rng.choice(donors)
    return msgpack.packb(fields)


def edit_field(rng, data, _):
    """A valid envelope with one field changed in value, length or type."""
    fields = msgpack.unpackb(data)
    at = rng.randrange(3, len(fields))
    value = fields[at]
    if isinstance(value, bytes) and value and rng.random() < 0.8:
        value = rng.choice([truncate, extend, flip])(rng, value, None)
    else:
        value = rng.choice([b"", "", "\n", "x" * 300, -1, 2**64 - 1, None, True, 1.5, [], [[[]]], ["a", "a"]])
    fields[at] = value
    return msgpack.packb(fields)


MUTATIONS = [flip, truncate, extend, edge, length, splice, repeat, noise, swap_fields, edit_field]


def messages_for(run, name):
    """Ann's genuine events as bytes; the one that her state expects comes most often."""
    found = {each: unsigned(run, each) for each in EVENTS if isinstance(event_of(run, each), bytes)}
    return [*found.values()] + ([found[name]] * len(found) if name in found else [])


def unsigned(run, name):
    event = event_of(run, name)
    return event[:-64] if name in UP and (run.malicious or name == "confirmations") else event


@pytest.mark.parametrize("count", [EACH, pytest.param(9 * EACH, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("side", "adversary", "state", "step"), STATES, ids=[f"{s[0]}-{s[1]}-{s[2]}" for s in STATES]
)
def test_damage_is_met_with_typed_errors(side, adversary, state, step, count):
    rng = random.Random(f"{side} {adversary} {state} {count}")  # noqa: S311
    run = in_state(adversary, step)
    if (side, state) == ("server", "Closed"):
        run.server.abort("stopped")
    table = CLIENT if side == "client" else SERVER
    (expected,) = (row[2] for row in table[adversary] if row[0] == state)
    originals = messages_for(run, expected)
    receive = to_client(run) if side == "client" else to_server(run, rng)
    refused = 0
    for _ in range(count):
        mutate, data, other = rng.choice(MUTATIONS), rng.choice(originals), rng.choice(originals)
        start = perf_counter()
        try:
            receive(mutate(rng, data, other))
        except GradveilError as error:
            refused += len(str(error)) < 1000
        assert perf_counter() - start < SECONDS
    # What passes is a bit of a masked vector, a signature or a share: only its owner could tell.
    assert refused > count / 2


def to_client(run):
    """Each mutant meets the same state: a step changes none."""
    client, state = run.clients["ann"].client, run.clients["ann"].state
    return lambda data: client.step(state, data)


def to_server(run, rng):
    """Each mutant meets the same state; of two, one has ann's signature on it."""
    before = saved(run.server)

    def receive(data):
        signer = rng.choice([identity("ann"), None]) if run.malicious else None
        try:
            run.server.handle(seal_message(signer, data))
        finally:
            if saved(run.server) != before:
                run.server.state = restored(run.server, before)

    return receive


@pytest.mark.parametrize("adversary", list(Adversary), ids=str)
def test_a_round_survives_damage_on_every_message(adversary):
    rng, run = random.Random(1), Round(adversary=adversary)  # noqa: S311
    for phase in ("keys", "shares", "vectors", "confirmations", "answers"):
        if phase in DONORS[adversary].sent:
            run.to(phase)
            for payload in list(run.sent[phase].values()):
                for mutate in (truncate, extend, noise):
                    with pytest.raises(GradveilError):
                        run.server.handle(mutate(rng, payload, payload))
    assert run.play().survivors == {"ann", "bob", "cid", "dan"}
