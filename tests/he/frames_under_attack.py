"""Parties, honest frames, and frames that were damaged on purpose, the same for the same seed."""

import hashlib
from collections.abc import Iterator

import numpy as np

from gradveil.parties.identity import Identity
from gradveil.parties.roster import Roster
from he.frames import Context, Expected, Kind, peek, write_frame

CHUNKS, CHUNK_BYTES = 4, 64
BODY = b"".join(bytes([index]) * CHUNK_BYTES for index in range(1, CHUNKS + 1))
HUGE = (2**16 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1)

ANN, BOB, CID, SERVER, STRANGER = (
    Identity.from_private_bytes(name, hashlib.sha256(name.encode()).digest())
    for name in ("ann", "bob", "cid", "server", "stranger")
)
ROSTER = Roster.of([ANN, BOB, CID], SERVER)
CONTEXT = Context("bfv-packed", b"p" * 32, b"k" * 16, b"j" * 32, b"l" * 32, b"s" * 32, round=7, count=100)


def upload(identity=ANN, context=CONTEXT, body=BODY, chunk_bytes=CHUNK_BYTES, chunks=CHUNKS):
    names = {identity.name: 1}
    sizes = {"chunks": chunks, "chunk_bytes": chunk_bytes}
    return write_frame(Kind.UPLOAD, context, names, **sizes, body=[body], identity=identity)


def aggregate(contributors=None, context=CONTEXT, body=BODY, identity=SERVER):
    names = contributors or {"ann": 1, "bob": 2}
    sizes = {"chunks": CHUNKS, "chunk_bytes": CHUNK_BYTES}
    return write_frame(Kind.SUM, context, names, **sizes, body=[body], identity=identity)


def expecting(kind=Kind.UPLOAD, context=CONTEXT, max_contributors=3, max_weight=4):
    return Expected(kind, context, CHUNKS, CHUNK_BYTES, len(BODY), max_contributors, max_weight)


def mutations(frames: list[bytes], count: int, seed: int = 0) -> Iterator[bytes]:
    """`count` frames that none of the given senders made, each from one or two of theirs."""
    rng = np.random.default_rng(seed)
    while count:
        victim, donor = (frames[int(rng.integers(len(frames)))] for _ in range(2))
        mutated = _DAMAGES[int(rng.integers(len(_DAMAGES)))](rng, victim, donor)
        if mutated not in frames:
            count -= 1
            yield mutated


def header_end(frame: bytes) -> int:
    return len(peek(frame).to_bytes())


def _flip(rng, victim, donor):
    damaged = bytearray(victim)
    # Half of the flips hit the header, where all decisions are taken.
    reach = len(victim) if rng.random() < 0.5 else header_end(victim)
    for position in rng.integers(reach, size=rng.integers(1, 9)):
        damaged[position] ^= 1 << int(rng.integers(8))
    return bytes(damaged)


def _truncate(rng, victim, donor):
    return victim[: rng.integers(len(victim))]


def _extend(rng, victim, donor):
    tail = (rng.bytes(rng.integers(1, 200)), donor, bytes(rng.integers(1, 2000)))
    return victim + tail[rng.integers(3)]


def _overwrite_number(rng, victim, donor):
    size = int(rng.choice([2, 4, 8]))
    number = (HUGE[rng.integers(len(HUGE))] % 2 ** (8 * size)).to_bytes(size, "little")
    position = rng.integers(header_end(victim) - size)
    return victim[:position] + number + victim[position + size :]


def _swap_chunks(rng, victim, donor):
    start = len(victim) - len(BODY)
    chunks = [victim[start + CHUNK_BYTES * i : start + CHUNK_BYTES * (i + 1)] for i in range(CHUNKS)]
    return victim[:start] + b"".join(chunks[i] for i in rng.permutation(CHUNKS))


def _splice(rng, victim, donor):
    """Header, signature and body of two frames, recombined in one of the six ways."""
    cuts = [(header_end(frame), header_end(frame) + 64) for frame in (victim, donor)]
    parts = [
        (frame[:end], frame[end:body], frame[body:])
        for frame, (end, body) in zip((victim, donor), cuts, strict=True)
    ]
    return b"".join(parts[rng.integers(2)][index] for index in range(3))


def _zero(rng, victim, donor):
    start, end = sorted(rng.integers(len(victim) + 1, size=2))
    return victim[:start] + bytes(end - start) + victim[end:]


def _randomize(rng, victim, donor):
    kept = rng.integers(8)
    return victim[:kept] + rng.bytes(len(victim) - kept)


def _move(rng, victim, donor):
    """Bytes taken out, and put in elsewhere: the length stays right."""
    start, end = sorted(rng.integers(len(victim) + 1, size=2))
    rest = victim[:start] + victim[end:]
    target = rng.integers(len(rest) + 1)
    return rest[:target] + victim[start:end] + rest[target:]


_DAMAGES = (
    _flip,
    _truncate,
    _extend,
    _overwrite_number,
    _swap_chunks,
    _splice,
    _zero,
    _randomize,
    _move,
)
