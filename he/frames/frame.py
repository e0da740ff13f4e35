"""A frame: a signed header and the ciphertexts that it speaks of.

    header | signature of the sender, 64 bytes, over context string and header | body

The header holds the body's digest, so the signature covers everything. Reading goes from what is cheap
and known beforehand to what costs time, and no byte of the body is looked into before the sender is known.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from io import BytesIO

from gradveil.parties.identity import SIGNATURE_BYTES, Identity
from gradveil.parties.roster import Roster
from he.errors import CapacityError, ContributorError, FrameError
from he.frames.header import Context, Header, Kind, max_header_bytes

CONTEXT = b"gradveil he frame v1\0"
"""Signed in front of a header: no other protocol that uses the same key signs bytes that begin so."""

BytesLike = bytes | bytearray | memoryview

_NAMED = {
    "scheme": "another scheme",
    "params_hash": "other parameters",
    "key_id": "another key",
    "job": "another job",
    "layout": "another layout",
    "selection": "another selection",
    "round": "another round",
    "count": "another number of values",
}


@dataclass(frozen=True)
class Expected:
    """What a receiver knows of a frame before it arrives.

    Attributes:
        kind: upload or sum.
        context: what the values must be.
        chunks: number of ciphertexts.
        chunk_bytes: length of a full one.
        body_bytes: length of all of them together, exactly.
        max_contributors: most clients in one frame; also bounds the header.
        max_weight: most that the contributors' weights may sum to.
    """

    kind: Kind
    context: Context
    chunks: int
    chunk_bytes: int
    body_bytes: int
    max_contributors: int
    max_weight: int


@dataclass(frozen=True, eq=False)
class Frame:
    """What was read and verified; `body` looks into the bytes that were read, without a copy."""

    header: Header
    body: memoryview


def write_frame(
    kind: Kind,
    context: Context,
    contributors: Mapping[str, int],
    *,
    chunks: int,
    chunk_bytes: int,
    body: Iterable[BytesLike],
    identity: Identity,
) -> bytes:
    """A signed frame of these ciphertexts; an upload's contributors are `{identity.name: 1}`.

    Pieces of the body are taken one by one and not kept, so that a frame is in memory once.

    Raises:
        FrameError: a field that no header has, or an empty body.
    """
    ordered = tuple(sorted(contributors.items()))
    blank = Header(kind, context, identity.name, ordered, chunks, chunk_bytes, 1, bytes(32))
    start = len(blank.to_bytes()) + SIGNATURE_BYTES
    frame = BytesIO()
    frame.write(bytes(start))
    for piece in body:
        frame.write(piece)
    with frame.getbuffer() as view:
        size, digest = len(view) - start, hashlib.sha256(view[start:]).digest()
    encoded = replace(blank, body_bytes=size, body_digest=digest).to_bytes()
    frame.seek(0)
    frame.write(encoded + identity.sign(encoded, CONTEXT))
    return frame.getvalue()


def read_frame(data: BytesLike, expected: Expected, roster: Roster) -> Frame:
    """Check everything but the ciphertexts themselves; do not change `data` while the frame is in use.

    Raises:
        FrameError: damaged bytes, another version, size or context.
        ContributorError: a sum instead of an upload, the reverse, or a sum over strangers.
        CapacityError: more contributors or weight than expected.
        SignatureError: a sender that is not in the roster, or did not sign this.
    """
    view = memoryview(data).cast("B").toreadonly()
    _require_size(len(view), expected)
    header, end = Header.read(view)
    _require_kind(header.kind, expected.kind)
    _require_context(header.context, expected.context)
    _require_chunks(header, expected)
    _require_contributors(header, expected, roster)
    body = view[end + SIGNATURE_BYTES :]
    _require_length("body_bytes", len(body), expected.body_bytes)
    verify = roster.verify_client if header.kind is Kind.UPLOAD else roster.verify_server
    verify(header.sender, bytes(view[end : end + SIGNATURE_BYTES]), bytes(view[:end]), CONTEXT)
    if hashlib.sha256(body).digest() != header.body_digest:
        raise FrameError("the body is not the one that was signed; ask the sender for it again")
    return Frame(header, body)


def peek(data: BytesLike) -> Header:
    """The header at the front of `data`, unauthenticated: anybody can have written it, so only display it.

    Raises:
        FrameError: damaged bytes, another version, or a field that no header has.
    """
    header, _ = Header.read(memoryview(data).cast("B"))
    return header


def _require_size(size: int, expected: Expected) -> None:
    most = max_header_bytes(expected.max_contributors)
    if not 0 < size - SIGNATURE_BYTES - expected.body_bytes <= most:
        raise FrameError(
            f"a frame of {size} bytes does not fit a body of {expected.body_bytes}; "
            "check parameters, number of values and contributors, and ask for it again"
        )


def _require_kind(found: Kind, expected: Kind) -> None:
    if found is not expected:
        raise ContributorError(
            f"{found.name.lower()} found where {expected.name.lower()} is expected; "
            "add only the clients' own frames and decrypt only the server's sum"
        )


def _require_context(found: Context, expected: Context) -> None:
    for field in fields(Context):
        theirs, ours = getattr(found, field.name), getattr(expected, field.name)
        if theirs != ours:
            raise FrameError(
                f"a frame of {_NAMED[field.name]}, {_shown(theirs)} instead of {_shown(ours)}; "
                "refuse it and ask for the right one"
            )


def _shown(value: bytes | str | int) -> str:
    return value[:4].hex() + "..." if isinstance(value, bytes) else str(value)


def _require_chunks(found: Header, expected: Expected) -> None:
    for name in ("chunks", "chunk_bytes", "body_bytes"):
        _require_length(name, getattr(found, name), getattr(expected, name))


def _require_length(name: str, found: int, expected: int) -> None:
    if found != expected:
        raise FrameError(f"{name} of a frame is {found} instead of {expected}; ask its sender for it again")


def _require_contributors(found: Header, expected: Expected, roster: Roster) -> None:
    names, weights = zip(*found.contributors, strict=True)
    if len(names) > expected.max_contributors or sum(weights) > expected.max_weight:
        raise CapacityError(
            f"{len(names)} contributors of weight {sum(weights)} exceed {expected.max_contributors} of "
            f"{expected.max_weight}; sum over fewer, or use parameters for more"
        )
    if found.kind is Kind.SUM and not roster.clients.keys() >= set(names):
        raise ContributorError("a sum over clients that are not in the roster; compare both rosters' hashes")
