import hashlib
import itertools

import numpy as np
import pytest

from gradveil.exchange.errors import TooFewClientsError
from he import (
    Accumulator,
    CapacityError,
    CkksParams,
    ClientKey,
    ContributorError,
    FrameError,
    decrypt,
    encrypt,
)


@pytest.fixture
def server(server_key, binding):
    return Accumulator(server_key, binding)


@pytest.fixture
def frame_of(key, binding):
    return lambda client, values: encrypt(
        key, np.asarray(values, dtype=float), client=client, binding=binding
    )


def test_contributors_are_sorted_and_travel(server, key, frame_of, binding):
    for client in ("b", "c", "a"):
        server.add(frame_of(client, [1.0, 2.0]))
    assert server.contributors == ("a", "b", "c")
    assert decrypt(key, server.to_bytes(), binding=binding, min_contributors=3).tolist() == [3.0, 6.0]


def test_order_of_arrival_does_not_matter(key, server_key, frame_of, binding):
    frames = [frame_of(client, [value, -value]) for client, value in (("a", 0.25), ("b", 3.0), ("c", -7.5))]
    sums = set()
    for order in itertools.permutations(frames):
        server = Accumulator(server_key, binding)
        for frame in order:
            server.add(frame)
        sums.add(server.to_bytes())
    assert len(sums) == 1


def test_server_from_bytes_alone_adds(key, server_key, frame_of, params, binding):
    remote = Accumulator(type(server_key).from_bytes(server_key.to_bytes(), params), binding)
    remote.add(frame_of("a", [1.0]))
    remote.add(frame_of("b", [1.5]))
    assert decrypt(key, remote.to_bytes(), binding=binding).tolist() == [2.5]


def test_sum_goes_on_after_it_was_read(server, key, frame_of, binding):
    server.add(frame_of("a", [1.0]))
    early = server.to_bytes()
    server.add(frame_of("b", [1.0]))
    assert decrypt(key, early, binding=binding, min_contributors=1).tolist() == [1.0]
    assert decrypt(key, server.to_bytes(), binding=binding).tolist() == [2.0]


def test_refused_frames_leave_the_sum_untouched(server, key, params, frame_of, binding):
    server.add(frame_of("a", [1.0]))
    server.add(frame_of("b", [1.0]))
    before = server.to_bytes()
    elsewhere = hashlib.sha256(b"elsewhere").digest()
    other_params = ClientKey.generate(CkksParams(max_clients=32))
    good = frame_of("c", [1.0])
    cases = [
        (frame_of("a", [1.0]), ContributorError, "in the sum already"),
        (frame_of("c", [1.0, 2.0]), FrameError, "2 values instead of 1"),
        (encrypt(key, np.ones(1), client="c", binding=elsewhere), FrameError, "another job"),
        (encrypt(other_params, np.ones(1), client="c", binding=binding), FrameError, "other parameters"),
        (good[:300] + bytes([good[300] ^ 1]) + good[301:-50], FrameError, None),
        (b"", FrameError, None),
    ]
    for frame, error, reason in cases:
        with pytest.raises(error, match=reason):
            server.add(frame)
        assert server.to_bytes() == before
    assert server.contributors == ("a", "b")


def test_damage_in_the_last_chunk_leaves_the_first_untouched(server, key, params, frame_of, binding):
    server.add(frame_of("a", np.ones(params.slots + 1)))
    before, good = server.to_bytes(), frame_of("b", np.ones(params.slots + 1))
    second = good.rindex(b"\x5e\xa1\x10")
    with pytest.raises(FrameError, match="a ciphertext"):
        server.add(good[:second] + b"\0" + good[second + 1 :])
    assert server.to_bytes() == before


def test_one_client_more_than_agreed_is_refused(binding):
    key = ClientKey.generate(CkksParams(max_clients=2))
    server = Accumulator(key.server_key(), binding)
    for client in ("a", "b"):
        server.add(encrypt(key, np.ones(1), client=client, binding=binding))
    with pytest.raises(CapacityError, match="holds 2 clients"):
        server.add(encrypt(key, np.ones(1), client="c", binding=binding))
    assert server.contributors == ("a", "b")


def test_empty_sum_is_refused(server):
    with pytest.raises(TooFewClientsError):
        server.to_bytes()


def test_binding_is_checked_at_once(server_key):
    with pytest.raises(FrameError, match="32 bytes"):
        Accumulator(server_key, b"round 1")
