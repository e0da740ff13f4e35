import multiprocessing
from pathlib import Path

import numpy as np
import pytest

import he.workers
from he import CkksParams, ClientKey, Decryptor, HeError, KeyRoleError, PackedParams, Workers, encrypt
from he.workers import WorkersError
from tests.he.conftest import PARAMS
from tests.he.parties import ANN, BOB, ROSTER, binding, server, upload

SHARED = Path("/dev/shm")  # noqa: S108
PARTS = 8
"""Of two processes."""


@pytest.fixture(scope="module")
def packed():
    return ClientKey.generate(PackedParams(), "job")


@pytest.fixture(scope="module")
def workers(packed):
    with Workers(packed, 2) as pool:
        yield pool


@pytest.fixture
def names(monkeypatch):
    """Of all shared memory that this process makes."""
    made = []

    class Recorded(he.workers.SharedMemory):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            made.append(self.name)

    monkeypatch.setattr(he.workers, "SharedMemory", Recorded)
    return made


def left_behind(names):
    return [name for name in names if (SHARED / name).exists()]


def opened(key, first, count):
    total = server(key, count)
    total.add(first)
    public = key if key.params.encryption == "shared-key" else key.public_key()
    total.add(upload(public, np.zeros(count), BOB))
    return Decryptor(key, ROSTER).decrypt(total.close(), binding(count)).values


def sizes():
    chunk = PackedParams().values_per_chunk
    return [
        1,
        3,
        chunk - 1,
        chunk,
        chunk + 1,
        2 * chunk,
        PARTS * chunk,
        PARTS * chunk + 1,
        2 * PARTS * chunk - 5,
    ]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", sizes())
def test_workers_encrypt_the_same_values(packed, workers, names, count, dtype):
    values = np.random.default_rng(count).uniform(-1, 1, count).astype(dtype)
    frame = encrypt(packed, values, identity=ANN, binding=binding(count), workers=workers)
    alone = encrypt(packed, values, identity=ANN, binding=binding(count))
    assert len(frame) == len(alone)
    np.testing.assert_array_equal(opened(packed, frame, count), opened(packed, alone, count))
    assert len(names) == 2
    assert not left_behind(names)


def test_the_callers_values_are_left_alone(packed, workers):
    values = np.linspace(-1, 1, 40_000)[::-2]
    before = values.copy()
    frame = encrypt(packed, values, identity=ANN, binding=binding(values.size), workers=workers)
    np.testing.assert_array_equal(values, before)
    assert np.abs(opened(packed, frame, values.size) - values).max() <= packed.params.step / 2


def test_no_part_is_encrypted_twice_with_the_same_randomness(packed, workers):
    count = PARTS * packed.params.values_per_chunk
    body = workers.encrypt(packed, np.zeros(count))
    size = packed.params.upload_bytes(packed.params.values_per_chunk)
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    assert len(chunks) == PARTS
    assert len({chunk[-64:] for chunk in chunks}) == len({chunk[:64] for chunk in chunks}) == PARTS


PUBLISHED = {"packed": PARAMS["packed-public"], "ckks": PARAMS["ckks-public"]}


@pytest.mark.parametrize("params", PUBLISHED.values(), ids=PUBLISHED)
def test_workers_hold_a_public_key(params):
    key = ClientKey.generate(params, "job")
    public, count = key.public_key(), 3 * params.values_per_chunk + 1
    values = np.random.default_rng(0).uniform(-1, 1, count)
    with Workers(public, 2) as pool:
        frame = encrypt(public, values, identity=ANN, binding=binding(count), workers=pool)
    expected = np.rint(values / params.step) * params.step
    np.testing.assert_array_equal(opened(key, frame, count), expected)


def test_workers_use_complex_slots_too():
    key = ClientKey.generate(CkksParams(), "job")
    count = 2 * key.params.values_per_chunk + 2049
    values = np.random.default_rng(0).uniform(-32, 32, count)
    with Workers(key, 2) as pool:
        frame = encrypt(key, values, identity=ANN, binding=binding(count), workers=pool)
    np.testing.assert_array_equal(opened(key, frame, count), np.rint(values * 2**24) / 2**24)


def test_another_key_than_theirs_is_refused(packed, workers, names):
    other = ClientKey.generate(packed.params, "job")
    with pytest.raises(KeyRoleError, match="workers hold another key"):
        encrypt(other, np.zeros(3), identity=ANN, binding=binding(3), workers=workers)
    assert not names


def test_a_key_that_does_not_encrypt_starts_no_workers(holder_key):
    before = set(multiprocessing.active_children())
    with pytest.raises(KeyRoleError, match="public_key"):
        Workers(holder_key, 2)
    assert set(multiprocessing.active_children()) == before


def test_killed_workers_are_a_typed_error_now_and_later(packed, names):
    before = set(multiprocessing.active_children())
    with Workers(packed, 2) as pool:
        pool.encrypt(packed, np.zeros(50_000))
        started = set(multiprocessing.active_children()) - before
        assert 1 <= len(started) <= 2
        for process in started:
            process.kill()
            process.join()
        for _ in range(3):
            with pytest.raises(WorkersError, match="start new workers"):
                pool.encrypt(packed, np.zeros(50_000))
    assert len(names) == 8
    assert not left_behind(names)
    assert issubclass(WorkersError, HeError)


def test_closed_workers_are_a_typed_error(packed, names):
    pool = Workers(packed, 1)
    pool.encrypt(packed, np.zeros(3))
    pool.close()
    pool.close()
    with pytest.raises(HeError):
        pool.encrypt(packed, np.zeros(3))
    assert not left_behind(names)


def test_an_error_in_the_block_stops_the_processes(packed):
    before = set(multiprocessing.active_children())
    with pytest.raises(ZeroDivisionError), Workers(packed, 1) as pool:  # noqa: PT012
        pool.encrypt(packed, np.zeros(3))
        _ = 1 / 0
    assert set(multiprocessing.active_children()) == before


def test_parts_cover_every_chunk_once():
    for count in range(1, 200):
        for wanted in (1, 3, 8):
            parts = he.workers._parts(count, 10, wanted)
            assert len(parts) <= wanted
            assert [start % 10 for start, _ in parts] == [0] * len(parts)
            assert [value for start, stop in parts for value in range(start, stop)] == list(range(count))
