from functools import cache

import numpy as np
import pytest

from gradveil.exchange import wire
from gradveil.exchange.errors import GradveilError
from he import (
    Accumulator,
    CapacityError,
    CkksParams,
    ClientKey,
    ContributorError,
    Frame,
    FrameError,
    _seal,
    decrypt,
    encrypt,
)
from he import (
    frame as frames,
)

SIZE = 3000


@pytest.fixture(scope="module")
def values():
    return np.random.default_rng(1).normal(0, 0.05, SIZE).astype(np.float32)


@pytest.fixture(scope="module")
def data(key, values, binding):
    return encrypt(key, values, client="a", binding=binding)


@pytest.fixture(scope="module")
def fields(data):
    return wire.unpack(data, "he-frame", 1, (bytes, bytes, list, int, list), max_bytes=len(data))


def with_field(fields, index, value):
    return wire.pack("he-frame", 1, [*fields[:index], value, *fields[index + 1 :]])


@cache
def server_key_of(key):
    return key.server_key()


def refuse(key, data, binding, error=FrameError, match=None):
    with pytest.raises(error, match=match):
        decrypt(key, data, binding=binding, min_contributors=1)
    with pytest.raises(error, match=match):
        Accumulator(server_key_of(key), binding).add(data)


def test_frame_says_what_it_is(data, params, binding):
    found = Frame.from_bytes(data, params)
    assert (found.contributors, found.count, found.binding) == (("a",), SIZE, binding)
    assert len(found.chunks) == 2
    assert found.to_bytes() == data
    assert len(repr(found)) < 100


def test_length_is_the_same_for_every_content_and_key(key, params, binding, data):
    contents = [np.zeros(SIZE), np.full(SIZE, 32.0), np.linspace(-1, 1, SIZE)]
    lengths = {
        len(encrypt(some, content, client="b", binding=binding))
        for some in (key, ClientKey.generate(params))
        for content in contents * 10
    }
    assert lengths == {len(data)}


@pytest.mark.parametrize("bits", [40, 44, 48, 53, 56, 58, 60])
def test_chunk_bound_holds_and_is_tight(bits):
    params = CkksParams(
        poly_degree=8192, modulus_bits=(bits, 40), scale_bits=36, step_bits=16, max_abs=1.0, max_clients=4
    )
    context = _seal.new_context(params)
    longest = max(len(_seal.encrypt_chunk(context, np.zeros(params.slots))) for _ in range(30))
    raw = 2 * 8 * params.poly_degree
    assert longest <= _seal.chunk_bytes(params) < longest + 0.05 * raw


def test_every_truncation_is_refused(key, data, binding):
    for end in [*range(150), *range(150, len(data), 2503), len(data) - 1]:
        refuse(key, data[:end], binding)


def test_trailing_bytes_are_refused(key, data, binding):
    for tail in (b"\0", b"\xc0", data):
        refuse(key, data + tail, binding)


def test_oversize_is_refused_before_parsing(key, params, binding, monkeypatch, data):
    monkeypatch.setattr(frames, "MAX_VALUES", 1)
    refuse(key, data, binding, match="exceed the limit")


def test_flips_in_the_header_are_refused(key, params, data, binding):
    header = data.index(params.hash) + 32 + 2 + 32
    for position in range(header):
        for bit in (0, 7):
            damaged = bytearray(data)
            damaged[position] ^= 1 << bit
            refuse(key, bytes(damaged), binding)


def test_random_damage_never_crashes_and_never_changes_a_value(key, values, data, binding):
    """The server cannot see a flip inside a ciphertext; whoever decrypts gets an error or the right sum."""
    rng = np.random.default_rng(3)
    true = decrypt(key, data, binding=binding, min_contributors=1)
    for _ in range(400):
        damaged = bytearray(data)
        span = int(rng.choice([60, 300, len(data)]))
        damaged[int(rng.integers(120, 120 + span)) % len(data)] ^= 1 << int(rng.integers(8))
        survive(lambda damaged=damaged: Accumulator(server_key_of(key), binding).add(bytes(damaged)))
        released = survive(
            lambda damaged=damaged: decrypt(key, bytes(damaged), binding=binding, min_contributors=1)
        )
        assert released is None or np.array_equal(released, true)


def survive(act):
    try:
        return act()
    except GradveilError:
        return None


@pytest.mark.parametrize(
    ("index", "value", "reason"),
    [
        (0, b"\0" * 32, "other parameters"),
        (1, b"\0" * 31, "32 bytes"),
        (1, b"\0" * 32, "another job"),
        (2, [], "missing"),
        (2, ["b", "a"], "unordered"),
        (2, ["a", "a"], "repeated"),
        (2, [b"a"], "not all str"),
        (2, ["a\n"], "printable"),
        (2, "a", "field 2"),
        (3, 2048, "2 chunks for 2048 values, not 1"),
        (3, 4097, "2 chunks for 4097 values, not 3"),
        (4, [], "0 chunks"),
        (4, ["a", "b"], "not all bytes"),
        (4, [b"", b""], "a chunk of 0 bytes"),
    ],
)
def test_malformed_fields_are_refused(key, fields, binding, index, value, reason):
    refuse(key, with_field(fields, index, value), binding, match=reason)


@pytest.mark.parametrize(
    ("index", "value"),
    [(2, [f"{n:03}" for n in range(65)]), (3, 0), (3, -1), (3, 2**24 + 1), (3, 2**63)],
)
def test_numbers_beyond_capacity_are_refused(key, fields, binding, index, value):
    refuse(key, with_field(fields, index, value), binding, error=CapacityError)


def test_padding_is_zero_and_inside(key, fields, binding):
    first, second = fields[4]
    for damaged in (first[:-1] + b"\1", b"\xff\xff\xff\xff" + first[4:], b"\0\0\0\0" + first[4:]):
        refuse(key, with_field(fields, 4, [damaged, second]), binding, match="padded")


def test_ciphertexts_of_another_form_are_refused(key, params, binding):
    scaled = _seal.new_context(CkksParams(scale_bits=39, max_clients=16))
    short = _seal.encrypt_chunk(key._context, [1.0])
    many = _seal.encrypt_chunk(key._context, [1.0] * params.slots).replace(
        b"\n\x02\x80\x10", b"\n\x02\x80\x20", 1
    )
    for blob in (short, many, _seal.encrypt_chunk(scaled, [1.0] * params.slots), b"", b"x" * 100):
        refuse(key, Frame(params, binding, ("a",), 1, (blob,)).to_bytes(), binding)


def test_ciphertext_beyond_its_bound_is_not_sent(params, binding):
    with pytest.raises(FrameError, match="exceeds its bound"):
        Frame(params, binding, ("a",), 1, (b"x" * 70_000,)).to_bytes()


def test_sum_is_no_upload(key, data, binding):
    server = Accumulator(server_key_of(key), binding)
    server.add(data)
    server.add(encrypt(key, np.ones(SIZE), client="b", binding=binding))
    with pytest.raises(ContributorError, match="a sum already"):
        Accumulator(server_key_of(key), binding).add(server.to_bytes())
