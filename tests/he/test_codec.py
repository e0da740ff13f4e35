import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradveil.exchange.errors import InvalidUpdateError, TooFewClientsError
from he import (
    Accumulator,
    CapacityError,
    CkksParams,
    ClientKey,
    DecryptionError,
    FrameError,
    _seal,
    decrypt,
    encrypt,
)

deterministic = settings(derandomize=True, deadline=None, database=None, max_examples=40)
sizes = st.sampled_from([1, 2, 7, 2047, 2048, 2049, 4095, 4096, 4097])


def aggregate(key, vectors, binding):
    server = Accumulator(key.server_key(), binding)
    for index, vector in enumerate(vectors):
        server.add(encrypt(key, vector, client=f"client {index}", binding=binding))
    return server.to_bytes()


@deterministic
@given(
    clients=st.integers(1, 8),
    size=sizes,
    seed=st.integers(0, 2**32),
    spread=st.sampled_from([1e-6, 0.05, 31]),
)
def test_sum_is_exactly_the_sum_of_rounded_values(key, params, binding, clients, size, seed, spread):
    rng = np.random.default_rng(seed)
    vectors = rng.uniform(-spread, spread, (clients, size)).astype(np.float32)
    released = decrypt(key, aggregate(key, vectors, binding), binding=binding, min_contributors=1)
    expected = sum(np.rint(v.astype(np.float64) * 2**24) for v in vectors) / 2**24
    assert released.dtype == np.float64
    np.testing.assert_array_equal(released, expected)


@deterministic
@given(values=st.lists(st.floats(-32, 32), min_size=1, max_size=50))
def test_round_trip_loses_at_most_half_a_step(key, params, binding, values):
    values = np.array(values)
    frame = encrypt(key, values, client="a", binding=binding)
    released = decrypt(key, frame, binding=binding, min_contributors=1)
    assert np.abs(released - values).max() <= params.step / 2


def test_zeros_come_back_without_the_sign_of_the_noise(key, binding):
    total = decrypt(key, aggregate(key, np.zeros((2, 5000)), binding), binding=binding)
    assert not np.signbit(total).any()


@pytest.mark.parametrize(
    "params",
    [
        CkksParams(modulus_bits=(53, 20)),
        CkksParams(poly_degree=8192, modulus_bits=(60, 60), scale_bits=42, step_bits=20, max_abs=1024.0),
        CkksParams(
            poly_degree=2048, modulus_bits=(33, 20), scale_bits=28, step_bits=14, max_abs=1.0, max_clients=8
        ),
    ],
)
def test_full_capacity_at_the_largest_values_is_exact(params, binding):
    key = ClientKey.generate(params)
    vector = np.full(params.slots + 1, params.max_abs)
    server = Accumulator(key.server_key(), binding)
    for index in range(min(params.max_clients, 8)):
        server.add(encrypt(key, vector * (-1) ** (index // 8), client=str(index), binding=binding))
    total = decrypt(key, server.to_bytes(), binding=binding)
    np.testing.assert_array_equal(total, vector * len(server.contributors))


def test_default_parameters_are_exact_at_capacity(key, params, binding):
    vector = np.full(10, params.max_abs)
    total = decrypt(key, aggregate(key, [vector] * params.max_clients, binding), binding=binding)
    np.testing.assert_array_equal(total, vector * params.max_clients)


@pytest.mark.parametrize(
    "values",
    [
        np.array([0.0, np.nan]),
        np.array([np.inf]),
        np.zeros((2, 2)),
        np.array(1.0),
        np.array([1, 2]),
        np.zeros(3, dtype=np.float16),
        [0.0, 1.0],
    ],
)
def test_anything_but_a_finite_float_vector_is_refused(key, binding, values):
    with pytest.raises(InvalidUpdateError):
        encrypt(key, values, client="a", binding=binding)


@pytest.mark.parametrize("values", [np.array([]), np.array([32.001]), np.array([-33.0], dtype=np.float32)])
def test_empty_and_too_large_values_are_refused(key, binding, values):
    with pytest.raises(CapacityError):
        encrypt(key, values, client="a", binding=binding)


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 201, "\ud800"])
def test_unprintable_names_are_refused(key, binding, name):
    with pytest.raises(FrameError, match="printable"):
        encrypt(key, np.ones(1), client=name, binding=binding)


@pytest.mark.parametrize("bad", [b"", b"x" * 31, b"x" * 33, "x" * 32])
def test_binding_is_32_bytes(key, bad):
    with pytest.raises(FrameError, match="32 bytes"):
        encrypt(key, np.ones(1), client="a", binding=bad)


def test_wrong_binding_is_refused(key, binding):
    frame = encrypt(key, np.ones(1), client="a", binding=binding)
    with pytest.raises(FrameError, match="another job"):
        decrypt(key, frame, binding=hashlib.sha256(b"round 2").digest(), min_contributors=1)


def test_sum_over_too_few_clients_is_refused(key, binding):
    with pytest.raises(TooFewClientsError):
        decrypt(key, aggregate(key, np.ones((1, 3)), binding), binding=binding)
    with pytest.raises(TooFewClientsError):
        decrypt(key, aggregate(key, np.ones((2, 3)), binding), binding=binding, min_contributors=3)


def test_wrong_key_is_an_error(key, params, binding):
    frame = aggregate(key, np.ones((2, 3)), binding)
    with pytest.raises(DecryptionError):
        decrypt(ClientKey.generate(params), frame, binding=binding)


def test_values_off_the_grid_beyond_the_claim_or_behind_the_end_are_refused(key, params, binding):
    from he.frame import Frame

    for values in ([params.step / 2], [33.0], [0.0, 1.0]):
        blob = _seal.encrypt_chunk(key._context, values + [0.0] * (params.slots - len(values)))
        frame = Frame(params, binding, ("a",), 1, (blob,)).to_bytes()
        with pytest.raises(DecryptionError):
            decrypt(key, frame, binding=binding, min_contributors=1)


def test_library_prints_nothing(key, binding, capfd):
    decrypt(key, aggregate(key, np.ones((2, 10_000)), binding), binding=binding)
    assert capfd.readouterr() == ("", "")
