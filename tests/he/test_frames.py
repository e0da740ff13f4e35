import hashlib
import tracemalloc
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradveil.exchange.errors import GradveilError
from gradveil.parties.errors import SignatureError
from gradveil.parties.identity import Identity
from gradveil.parties.roster import Roster
from he.errors import CapacityError, ContributorError, FrameError
from he.frames import Context, Header, Kind, peek, read_frame, write_frame
from he.frames.frame import CONTEXT as SIGNING_CONTEXT
from tests.he.frames_under_attack import (
    ANN,
    BOB,
    BODY,
    CHUNK_BYTES,
    CHUNKS,
    CONTEXT,
    ROSTER,
    SERVER,
    STRANGER,
    aggregate,
    expecting,
    header_end,
    mutations,
    upload,
)

SUM = expecting(Kind.SUM)
UPLOAD = expecting()
# Offsets of the fixed fields, from the table in he/frames/header.py.
VERSION_AT, KIND_AT, ROUND_AT, COUNT_AT, CHUNKS_AT, CHUNK_BYTES_AT, BODY_BYTES_AT = (
    4,
    6,
    151,
    159,
    163,
    167,
    171,
)
DIGEST_AT, CONTRIBUTORS_AT, SCHEME_AT = 179, 211, 213


def put(frame, position, number, size):
    return frame[:position] + number.to_bytes(size, "little") + frame[position + size :]


def resigned(frame, identity):
    """The frame with another party's signature: what an attacker who is enrolled can do."""
    end = header_end(frame)
    return frame[:end] + identity.sign(frame[:end], SIGNING_CONTEXT) + frame[end + 64 :]


def refuse(frame, error, match, expected=UPLOAD, roster=ROSTER):
    with pytest.raises(error, match=match) as caught:
        read_frame(frame, expected, roster)
    assert type(caught.value) is error


def test_an_upload_says_what_it_is():
    found = read_frame(upload(), UPLOAD, ROSTER)
    assert (found.header.kind, found.header.context, found.header.sender) == (Kind.UPLOAD, CONTEXT, "ann")
    assert found.header.contributors == (("ann", 1),)
    assert found.header.body_digest == hashlib.sha256(BODY).digest()
    assert found.body == BODY


def test_a_sum_says_whom_it_holds():
    found = read_frame(aggregate({"cid": 1, "ann": 3}), SUM, ROSTER)
    assert found.header.contributors == (("ann", 3), ("cid", 1))
    assert found.header.sender == "server"


def test_bytes_are_those_of_the_table():
    frame = upload()
    start = b"GVHE\1\0\1" + b"p" * 32 + b"k" * 16 + b"j" * 32 + b"l" * 32 + b"s" * 32
    sizes = [(7, 8), (100, 4), (CHUNKS, 4), (CHUNK_BYTES, 4), (len(BODY), 8)]
    numbers = b"".join(number.to_bytes(size, "little") for number, size in sizes)
    texts = b"\x0a\0bfv-packed" + b"\3\0ann" + b"\3\0ann\1\0\0\0"
    header = start + numbers + hashlib.sha256(BODY).digest() + b"\1\0" + texts
    assert frame == header + ANN.sign(header, SIGNING_CONTEXT) + BODY


def test_the_body_is_not_copied_and_cannot_be_written():
    data = bytearray(upload())
    body = read_frame(data, UPLOAD, ROSTER).body
    assert body.readonly
    assert np.shares_memory(np.frombuffer(body, np.uint8), np.frombuffer(data, np.uint8))


@pytest.mark.parametrize("form", [bytearray, memoryview, lambda body: np.frombuffer(body, "<u4").data])
def test_all_forms_of_a_body_are_written(form):
    assert upload(body=form(BODY)) == upload()


@pytest.mark.parametrize("form", [bytes, bytearray, memoryview])
def test_all_forms_of_a_frame_are_read(form):
    assert read_frame(form(upload()), UPLOAD, ROSTER).body == BODY


names = st.text(min_size=1, max_size=200).filter(str.isprintable)
hashes = st.binary(min_size=32, max_size=32)
u32 = st.integers(1, 2**32 - 1)
contexts = st.builds(
    Context,
    st.from_regex(r"[a-z0-9-]{1,32}", fullmatch=True),
    hashes,
    st.binary(min_size=16, max_size=16),
    hashes,
    hashes,
    hashes,
    st.integers(0, 2**63 - 1),
    u32,
)
headers = st.builds(
    Header,
    st.just(Kind.SUM),
    contexts,
    names,
    st.dictionaries(names, u32, min_size=1, max_size=5).map(lambda found: tuple(sorted(found.items()))),
    u32,
    u32,
    st.integers(0, 2**63 - 1),
    hashes,
)


@given(headers, st.binary(max_size=100))
def test_headers_survive_bytes_and_leave_the_rest(header, rest):
    encoded = header.to_bytes()
    assert Header.read(memoryview(encoded + rest)) == (header, len(encoded))


@given(headers, st.integers(0, 2**32), st.binary(min_size=1, max_size=4))
def test_a_header_has_one_encoding(header, position, patch):
    """Whatever still parses after damage is written as it was read."""
    damaged = bytearray(header.to_bytes())
    start = position % len(damaged)
    damaged[start : start + len(patch)] = patch
    try:
        found, end = Header.read(memoryview(damaged))
    except FrameError:
        return
    assert found.to_bytes() == damaged[:end]


@given(contexts, st.binary(min_size=1, max_size=300))
def test_any_context_and_body_survive(context, body):
    frame = upload(BOB, context, body, chunk_bytes=300, chunks=1)
    expected = replace(UPLOAD, context=context, chunks=1, chunk_bytes=300, body_bytes=len(body))
    assert read_frame(frame, expected, ROSTER).body == body


OTHERS = {
    "scheme": ("ckks", "another scheme, ckks instead of bfv-packed"),
    "params_hash": (bytes(32), "other parameters, 00000000... instead of 70707070"),
    "key_id": (bytes(16), "another key, "),
    "job": (bytes(32), "another job, "),
    "layout": (bytes(32), "another layout, "),
    "selection": (bytes(32), "another selection, "),
    "round": (8, "another round, 8 instead of 7"),
    "count": (101, "another number of values, 101 instead of 100"),
}


@pytest.mark.parametrize("field", [field.name for field in fields(Context)])
def test_another_context_is_named(field):
    value, message = OTHERS[field]
    refuse(upload(context=replace(CONTEXT, **{field: value})), FrameError, message)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scheme", ""),
        ("scheme", "x" * 33),
        ("scheme", "BFV"),
        ("scheme", "bfv\n"),
        ("scheme", "bfv\u0661"),
        ("params_hash", bytes(31)),
        ("key_id", bytes(32)),
        ("job", "j" * 32),
        ("layout", bytearray(32)),
        ("selection", b""),
        ("round", -1),
        ("round", 2**63),
        ("round", 1.0),
        ("count", 0),
        ("count", 2**32),
        ("count", True),
    ],
)
def test_a_context_refuses_what_it_cannot_hold(field, value):
    with pytest.raises(FrameError, match="scheme" if field == "scheme" else f"the {field} of a frame"):
        replace(CONTEXT, **{field: value})


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("sender", "", "rename it"),
        ("sender", "a\tb", "rename it"),
        ("contributors", (), "missing"),
        ("contributors", (("b", 1), ("a", 1)), "unordered"),
        ("contributors", (("a", 1), ("a", 1)), "repeated"),
        ("contributors", (("x" * 201, 1),), "rename it"),
        ("contributors", (("a", 0),), "weight"),
        ("contributors", (("a", 2**32),), "weight"),
        ("contributors", tuple((f"{index:05}", 1) for index in range(2**16)), "too many"),
        ("chunks", 0, "chunks"),
        ("chunk_bytes", 0, "chunk_bytes"),
        ("body_bytes", 2**63, "body_bytes"),
        ("body_digest", bytes(31), "body_digest"),
    ],
)
def test_a_header_refuses_what_it_cannot_hold(field, value, reason):
    with pytest.raises(FrameError, match=reason):
        replace(peek(aggregate()), **{field: value})


@pytest.mark.parametrize("contributors", [{"bob": 1}, {"ann": 2}, {"ann": 1, "bob": 1}, {}])
def test_an_upload_holds_its_sender_once(contributors):
    with pytest.raises(FrameError, match=r"upload holds more|missing"):
        write_frame(Kind.UPLOAD, CONTEXT, contributors, chunks=1, chunk_bytes=1, body=[b"x"], identity=ANN)


def test_a_sum_is_no_upload_and_the_reverse():
    refuse(aggregate(), ContributorError, "sum found where upload is expected")
    refuse(aggregate(), ContributorError, "sum found", expected=expecting(max_contributors=1, max_weight=1))
    refuse(upload(), ContributorError, "upload found where sum is expected", expected=SUM)


def test_contributors_and_weight_are_bounded():
    frame = aggregate({"ann": 2, "bob": 2})
    read_frame(frame, expecting(Kind.SUM, max_contributors=2, max_weight=4), ROSTER)
    for limits in ((1, 4), (2, 3)):
        refuse(frame, CapacityError, "2 contributors of weight 4", expecting(Kind.SUM, CONTEXT, *limits))


def test_a_sum_over_strangers_is_refused():
    refuse(aggregate({"ann": 1, "stranger": 1}), ContributorError, "not in the roster", SUM)
    refuse(aggregate({"ann": 1, "server": 1}), ContributorError, "not in the roster", SUM)


def test_a_stranger_is_refused():
    refuse(upload(STRANGER), SignatureError, "'stranger' is no client")
    refuse(aggregate(identity=STRANGER), SignatureError, "'stranger' is not the server", SUM)


def test_an_enrolled_attacker_cannot_sign_in_another_name():
    refuse(resigned(upload(), BOB), SignatureError, "not that of 'ann'")
    refuse(resigned(aggregate(), BOB), SignatureError, "not that of 'server'", SUM)
    impostor = Identity.from_private_bytes("ann", BOB.private_bytes())
    refuse(upload(impostor), SignatureError, "not that of 'ann'")


def test_client_and_server_keep_their_roles():
    refuse(upload(SERVER), SignatureError, "'server' is no client")
    refuse(resigned(upload(), SERVER), SignatureError, "not that of 'ann'")
    refuse(aggregate(identity=ANN), SignatureError, "'ann' is not the server", SUM)
    impostor = Identity.from_private_bytes("server", ANN.private_bytes())
    refuse(aggregate(identity=impostor), SignatureError, "not that of 'server'", SUM)


def test_a_signature_of_another_frame_is_refused():
    end = header_end(upload())
    other = upload(context=replace(CONTEXT, round=8))
    refuse(upload()[:end] + other[end:], SignatureError, "not that of 'ann'")


def test_reordered_chunks_are_refused():
    frame = upload()
    body = len(frame) - len(BODY)
    first, second = frame[body : body + CHUNK_BYTES], frame[body + CHUNK_BYTES : body + 2 * CHUNK_BYTES]
    swapped = frame[:body] + second + first + frame[body + 2 * CHUNK_BYTES :]
    refuse(swapped, FrameError, "not the one that was signed")


@pytest.mark.parametrize(
    ("frame", "error", "reason"),
    [
        (b"XVHE" + upload()[4:], FrameError, "no frame of encrypted values"),
        (put(upload(), VERSION_AT, 2, 2), FrameError, "version 2, this is 1; upgrade the older side"),
        (put(upload(), KIND_AT, 0, 1), FrameError, "unknown kind 0"),
        (put(upload(), KIND_AT, 3, 1), FrameError, "unknown kind 3"),
        (put(upload(), ROUND_AT, 2**63, 8), FrameError, "the round of a frame"),
        (put(upload(), COUNT_AT, 0, 4), FrameError, "the count of a frame"),
        (put(upload(), CHUNKS_AT, 5, 4), FrameError, "chunks of a frame is 5 instead of 4"),
        (put(upload(), CHUNK_BYTES_AT, 65, 4), FrameError, "chunk_bytes of a frame is 65 instead of 64"),
        (put(upload(), BODY_BYTES_AT, 257, 8), FrameError, "body_bytes of a frame is 257 instead of 256"),
        (put(upload(), DIGEST_AT, 1, 8), SignatureError, "not that of 'ann'"),
        (put(upload(), CONTRIBUTORS_AT, 0, 2), FrameError, "missing"),
        (put(upload(), CONTRIBUTORS_AT, 2**16 - 1, 2), FrameError, "ends within its header|UTF-8"),
        (put(upload(), SCHEME_AT, 9, 2), FrameError, "ends within its header"),
        (put(upload(), SCHEME_AT, 2**16 - 1, 2), FrameError, "ends within its header"),
        (upload().replace(b"\3\0ann", b"\3\0\xffnn", 1), FrameError, "no UTF-8"),
        (upload().replace(b"\3\0ann", b"\3\0\xc0\x80n", 1), FrameError, "no UTF-8"),
        (upload().replace(b"\3\0ann", b"\3\0bob", 1), FrameError, "upload holds more"),
        (upload().replace(b"\3\0ann", b"\3\0bob", 2), SignatureError, "not that of 'bob'"),
        (put(aggregate(), KIND_AT, 1, 1), FrameError, "upload holds more"),
    ],
)
def test_every_field_is_checked(frame, error, reason):
    refuse(frame, error, reason)


def test_another_body_is_refused():
    for size in (len(BODY) - 1, len(BODY) + 1):
        refuse(upload(body=bytes(size)), FrameError, "body_bytes of a frame is")


def test_every_truncation_is_refused():
    frame = upload()
    for end in range(len(frame)):
        refuse(frame[:end], FrameError, "does not fit|ends within|body_bytes|no frame")
    for end in range(header_end(frame)):
        with pytest.raises(FrameError, match="ends within its header"):
            peek(frame[:end])


@pytest.mark.parametrize("tail", [b"\0", BODY, bytes(100_000), upload()])
def test_trailing_bytes_are_refused(tail):
    refuse(upload() + tail, FrameError, "does not fit|body_bytes of a frame is")


def test_every_flipped_bit_is_refused():
    for frame, expected in ((upload(), UPLOAD), (aggregate(), SUM)):
        for bit in range(8 * len(frame)):
            damaged = bytearray(frame)
            damaged[bit // 8] ^= 1 << bit % 8
            with pytest.raises(GradveilError):
                read_frame(damaged, expected, ROSTER)


def peak_bytes(act):
    tracemalloc.start()
    try:
        with pytest.raises(GradveilError):
            act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("body_bytes", [len(BODY), 2**40])
@pytest.mark.parametrize(
    "frame",
    [
        upload()[:100],
        put(upload(), BODY_BYTES_AT, 2**40, 8),
        put(put(upload(), CHUNKS_AT, 2**32 - 1, 4), CHUNK_BYTES_AT, 2**32 - 1, 4),
        put(upload(), CONTRIBUTORS_AT, 2**16 - 1, 2),
    ],
    ids=["short", "body", "chunks", "contributors"],
)
def test_claimed_sizes_reserve_nothing(frame, body_bytes):
    expected = replace(UPLOAD, body_bytes=body_bytes)
    assert peak_bytes(lambda: read_frame(frame, expected, ROSTER)) < 50_000


def test_a_frame_with_a_huge_header_is_refused_unread():
    flood = aggregate({f"{index:05}": 1 for index in range(20_000)})
    refuse(flood, FrameError, "does not fit a body of 256", SUM)
    assert peak_bytes(lambda: read_frame(flood, SUM, ROSTER)) < 50_000


def test_the_longest_names_and_scheme_fit_the_size_limit():
    longest = [Identity.from_private_bytes(chr(0x20000 + i) * 200, bytes([i]) * 32) for i in range(4)]
    roster = Roster.of(longest[:3], longest[3])
    context = replace(CONTEXT, scheme="x" * 32)
    frame = aggregate({client.name: 1 for client in longest[:3]}, context, identity=longest[3])
    assert read_frame(frame, expecting(Kind.SUM, context), roster).body == BODY
    refuse(frame, FrameError, "does not fit", expecting(Kind.SUM, context, max_contributors=2), roster)


def test_peek_trusts_nobody_and_needs_no_body():
    frame = upload(STRANGER)
    assert peek(frame[: header_end(frame)]).sender == "stranger"


def pool():
    """Frames that are honest, but of which only the first two are expected."""
    another = replace(CONTEXT, round=8)
    return [
        upload(),
        upload(BOB),
        upload(context=another),
        upload(STRANGER),
        aggregate(),
        aggregate({"bob": 1}),
    ]


def outcomes(count, expected, seed):
    """Types of the errors that were raised, and None if a frame was accepted."""
    seen = set()
    for mutated in mutations(pool(), count, seed):
        try:
            read_frame(mutated, expected, ROSTER)
            seen.add(None)
        except GradveilError as error:
            seen.add(type(error))
    return seen


UPLOAD_REFUSALS = {FrameError, SignatureError, ContributorError}
REFUSALS = [(UPLOAD, UPLOAD_REFUSALS), (SUM, UPLOAD_REFUSALS | {CapacityError})]


def test_mutations_repeat_and_differ():
    assert list(mutations(pool(), 200, 1)) == list(mutations(pool(), 200, 1))
    assert len(set(mutations(pool(), 1000, 1))) > 900
    assert not set(mutations(pool(), 1000, 1)) & set(pool())


@pytest.mark.parametrize(("expected", "refusals"), REFUSALS, ids=["upload", "sum"])
def test_no_mutated_frame_is_accepted(expected, refusals):
    assert outcomes(5_000, expected, seed=1) == refusals


@pytest.mark.slow
@pytest.mark.parametrize(("expected", "refusals"), REFUSALS, ids=["upload", "sum"])
def test_no_frame_of_many_is_accepted(expected, refusals):
    assert outcomes(50_000, expected, seed=2) == refusals
