import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradveil.exchange.errors import InvalidUpdateError
from he import (
    Binding,
    CapacityError,
    ClientKey,
    Decryptor,
    FrameError,
    KeyRoleError,
    PackedParams,
    TensealVectorParams,
    encrypt,
)
from he.frames import Kind, peek
from tests.he.parties import ANN, BOB, ROSTER, binding, server, upload


def opened(key, frames, count):
    total = server(key, count)
    for frame in frames:
        total.add(frame)
    return Decryptor(key, ROSTER).decrypt(total.close(), binding(count)).values


@settings(max_examples=25)
@given(data=st.data())
def test_a_sum_is_off_by_at_most_half_a_step_for_each_client(key, encrypting, data):
    most = key.params.max_abs
    count = data.draw(st.integers(1, 5))
    vectors = st.lists(st.floats(-most, most), min_size=count, max_size=count)
    first, second = (np.array(data.draw(vectors)) for _ in range(2))
    total = opened(key, [upload(encrypting, first, ANN), upload(encrypting, second, BOB)], count)
    rounded = (np.rint(first / key.params.step) + np.rint(second / key.params.step)) * key.params.step
    assert total.dtype == np.float64
    np.testing.assert_array_equal(total, rounded)
    assert np.abs(total - (first + second)).max() <= key.params.error_bound(2) * (1 + 1e-6)


def test_values_are_rounded_to_even_as_the_grid_says(shared_key):
    step = shared_key.params.step
    values = np.array([0.5, 1.5, -0.5, -1.5, 0.49, 0.51, -0.51, 1e-300, -0.0]) * step
    frames = [upload(shared_key, values, ANN), upload(shared_key, np.zeros(9), BOB)]
    total = opened(shared_key, frames, 9)
    assert (total / step).tolist() == [0, 2, 0, -2, 0, 1, -1, 0, 0]
    assert not np.signbit(total[[2, 7, 8]]).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_both_widths_of_float_give_the_same_values(shared_key, dtype):
    values = np.random.default_rng(0).uniform(-1, 1, 100).astype(np.float32)
    frame = encrypt(shared_key, values.astype(dtype), identity=ANN, binding=binding(100))
    total = opened(shared_key, [frame, upload(shared_key, np.zeros(100), BOB)], 100)
    np.testing.assert_array_equal(total, np.rint(values.astype(float) * 2**15) / 2**15)


def test_a_view_with_gaps_is_encrypted_as_it_reads(shared_key):
    values = np.linspace(-1, 1, 60)
    frame = encrypt(shared_key, values[::-3], identity=ANN, binding=binding(20))
    total = opened(shared_key, [frame, upload(shared_key, np.zeros(20), BOB)], 20)
    assert np.abs(total - values[::-3]).max() <= shared_key.params.step / 2


def test_the_callers_values_are_left_alone(shared_key):
    values = np.linspace(-1, 1, 9)
    before = values.copy()
    values.flags.writeable = False
    upload(shared_key, values)
    np.testing.assert_array_equal(values, before)


def test_the_largest_values_pass_and_the_next_do_not(key, encrypting):
    most = key.params.max_abs
    assert upload(encrypting, [most, -most])
    for value in (np.nextafter(most, np.inf), -np.nextafter(most, np.inf), 1e300, -np.finfo(float).max):
        with pytest.raises(CapacityError, match="scale or clip"):
            upload(encrypting, [0.0, value])


def test_a_float32_beyond_the_limit_is_refused_even_if_the_limit_is_no_float32():
    """Compared as float32, a limit of 27 bits would be rounded up to the value."""
    limit = (2**26 + 5) * 2.0**-26
    params = PackedParams(fields=1, field_bits=33, step_bits=26, max_abs=limit, max_clients=4)
    key = ClientKey.generate(params, "job")
    beyond = np.array([1 + 2.0**-23], dtype=np.float32)
    assert float(beyond[0]) > limit
    with pytest.raises(CapacityError):
        encrypt(key, beyond, identity=ANN, binding=binding(1))


def test_a_limit_beyond_float32_is_no_overflow():
    params = PackedParams(step_bits=-60, max_abs=2.0**75, max_clients=64)
    assert params.max_abs < np.finfo(np.float32).max
    key = ClientKey.generate(params, "job")
    values = np.array([3e20, -3e20], dtype=np.float32)
    frames = [encrypt(key, values, identity=client, binding=binding(2)) for client in (ANN, BOB)]
    np.testing.assert_allclose(opened(key, frames, 2), 2 * values.astype(float), atol=2.0**60)


BAD = {
    "nan": np.array([0.0, np.nan]),
    "inf": np.array([np.inf, 0.0]),
    "-inf": np.array([-np.inf, 0.0], dtype=np.float32),
    "matrix": np.zeros((2, 1)),
    "scalar": np.array(1.0),
    "int": np.array([1, 2]),
    "half": np.zeros(2, dtype=np.float16),
    "complex": np.zeros(2, dtype=complex),
    "long double": np.zeros(2, dtype=np.longdouble),
    "foreign byte order": np.zeros(2, dtype=">f8"),
    "object": np.array([0.0, 1.0], dtype=object),
    "list": [0.0, 1.0],
    "none": None,
}


@pytest.mark.parametrize("values", BAD.values(), ids=BAD)
def test_anything_but_a_finite_float_vector_is_refused(shared_key, values):
    with pytest.raises(InvalidUpdateError):
        encrypt(shared_key, values, identity=ANN, binding=binding(2))


@pytest.mark.parametrize("size", [1, 3])
def test_another_number_of_values_than_bound_is_refused(shared_key, size):
    with pytest.raises(FrameError, match=f"{size} values instead of 2"):
        encrypt(shared_key, np.zeros(size), identity=ANN, binding=binding(2))


@pytest.mark.parametrize("count", [0, -1, 2**27 + 1, 2**32])
def test_an_impossible_number_of_values_is_refused(shared_key, count):
    with pytest.raises((CapacityError, FrameError)):
        encrypt(shared_key, np.zeros(0), identity=ANN, binding=binding(count))


@pytest.mark.parametrize(
    "field",
    [{"round": -1}, {"round": 2**63}, {"layout": b"x" * 31}, {"selection": "x" * 32}, {"count": 2.0}],
    ids=str,
)
def test_a_malformed_binding_is_refused(shared_key, field):
    fields = {"round": 1, "layout": bytes(32), "selection": bytes(32), "count": 2} | field
    with pytest.raises((FrameError, CapacityError)):
        encrypt(shared_key, np.zeros(2), identity=ANN, binding=Binding(**fields))


def test_a_frame_says_who_and_what_and_nothing_of_the_values(key, encrypting):
    header = peek(upload(encrypting, [0.25] * 7, BOB, number=9))
    assert header.kind is Kind.UPLOAD
    assert header.sender == "bob"
    assert header.contributors == (("bob", 1),)
    assert header.context == binding(7, 9).context(key.scope)
    assert header.context.params_hash == key.params.hash
    assert header.body_bytes == key.params.upload_bytes(7)


def test_length_depends_on_the_number_of_values_only(key, encrypting):
    sizes = {len(upload(encrypting, np.full(33, value))) for value in (0.0, 1.0, -1.0, 1e-9)}
    assert len(sizes) == 1


def test_two_frames_of_the_same_values_differ(key, encrypting):
    first, second = upload(encrypting, [1.0] * 9), upload(encrypting, [1.0] * 9)
    body = key.params.upload_bytes(9)
    assert first[-body:][: body // 2] != second[-body:][: body // 2]


def test_workers_of_no_key_are_not_needed(holder_key):
    with pytest.raises(KeyRoleError):
        encrypt(holder_key, np.zeros(2), identity=ANN, binding=binding(2))


def test_frameworks_vectors_travel_in_the_same_frames():
    key = ClientKey.generate(TensealVectorParams.nvflare(), "job")
    values = np.random.default_rng(0).uniform(-32, 32, 4100)
    total = opened(key, [upload(key, values, ANN), upload(key, -values / 2, BOB)], values.size)
    expected = (np.rint(values * 2**18) + np.rint(-values / 2 * 2**18)) / 2**18
    np.testing.assert_array_equal(total, expected)
