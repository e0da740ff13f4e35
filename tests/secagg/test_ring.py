"""Fixed-point encoding: exact, bounded, and refused where the sum could wrap."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradveil.exchange import InvalidUpdateError
from secagg import FixedPoint, OverflowRefusedError, ProtocolError

VALUES = st.floats(-4, 4, width=32)
VECTORS = hnp.arrays(np.float32, st.integers(1, 20), elements=VALUES)
BITS = st.sampled_from([32, 64])


@settings(derandomize=True, deadline=None, database=None)
@given(st.integers(1, 500), st.integers(1, 5000), BITS)
def test_levels_are_the_largest_that_cannot_wrap(max_clients, max_weight, bits):
    encoding = FixedPoint(1.0, max_clients, max_weight, bits)
    most = max_clients * max_weight
    assert most * encoding.levels < 2 ** (bits - 1)
    assert encoding.levels == 2**52 or most * (encoding.levels + 1) >= 2 ** (bits - 1)


@settings(derandomize=True, deadline=None, database=None)
@given(VECTORS, st.integers(1, 100), BITS)
def test_a_vector_returns_within_half_a_step(vector, weight, bits):
    encoding = FixedPoint(4.0, 10, 100, bits)
    decoded = encoding.decode(encoding.encode(vector, weight))
    assert decoded[-1] == weight
    # Half a step, and the rounding of float64 itself where the step is finer than that.
    np.testing.assert_allclose(
        decoded[:-1] / weight, vector, rtol=1e-15, atol=encoding.step * 0.5 * (1 + 1e-9)
    )


@settings(derandomize=True, deadline=None, database=None)
@given(VECTORS, st.integers(1, 100))
def test_encoding_equals_exact_rational_arithmetic(vector, weight):
    encoding = FixedPoint(1.5, 10, 100)
    step = Fraction(encoding.step)
    for value, found in zip(vector.tolist(), encoding.encode(vector, weight)[:-1].tolist(), strict=True):
        signed = found - 2**32 if found >= 2**31 else found
        exact = min(max(Fraction(value), -encoding.levels * step), encoding.levels * step) / step
        assert abs(Fraction(signed, weight) - exact) <= Fraction(1, 2) + Fraction(1, 10**6)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_extreme_sum_does_not_wrap(bits, sign):
    encoding = FixedPoint(0.3, 7, 1000, bits)
    extreme = encoding.encode(np.full(3, sign * 9.0, dtype=np.float32), 1000)
    total = np.zeros_like(extreme)
    for _ in range(7):
        total += extreme
    np.testing.assert_allclose(encoding.decode(total)[:-1] / 7000, sign * 0.3, rtol=1e-12)


def test_the_ring_has_a_fixed_byte_order():
    assert FixedPoint(1.0, 3, 1).encode(np.zeros(2, np.float32), 1).tobytes() == bytes(8) + b"\x01\0\0\0"
    assert FixedPoint(1.0, 3, 1, 64).dtype.str == "<u8"


def test_clipped_values_are_counted():
    vector = np.array([-3, -1, 0, 1, 1.5], dtype=np.float32)
    assert FixedPoint(1.0, 3, 1).clipped(vector) == 2


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(bad):
    with pytest.raises(InvalidUpdateError, match="train again"):
        FixedPoint(1.0, 3, 1).encode(np.array([0, bad], dtype=np.float32), 1)


@pytest.mark.parametrize("vector", [np.zeros(3), np.zeros((2, 2), np.float32), np.zeros(3, np.int32)])
def test_other_dtypes_and_shapes_are_refused(vector):
    with pytest.raises(InvalidUpdateError, match="float32 vector"):
        FixedPoint(1.0, 3, 1).encode(vector, 1)


@pytest.mark.parametrize("weight", [0, -1, 11])
def test_weights_out_of_bounds_are_refused(weight):
    with pytest.raises(OverflowRefusedError, match="max_weight"):
        FixedPoint(1.0, 3, 10).encode(np.zeros(1, np.float32), weight)


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ((1.0, 1000, 60000), "modulus_bits=64 or max_weight to 16777"),
        ((1.0, 2**25, 1), "modulus_bits=64"),
        ((1.0, 2**40, 2**20, 64), "lower max_clients or max_weight to 65535"),
        ((0.0, 3, 1), "near the largest value"),
        ((float("nan"), 3, 1), "near the largest value"),
        ((float("inf"), 3, 1), "near the largest value"),
        ((1.0, 0, 1), "real bounds"),
        ((1.0, 3, 0), "real bounds"),
        ((1.0, 3, 1, 16), "choose 32 or 64"),
    ],
)
def test_bounds_without_room_are_refused_with_advice(arguments, advice):
    with pytest.raises(OverflowRefusedError, match=advice):
        FixedPoint(*arguments)


def test_the_advised_weight_is_accepted():
    assert FixedPoint(1.0, 1000, 16777).levels == 128


@pytest.mark.parametrize("total", [np.zeros(2, "<u8"), np.zeros((2, 1), "<u4"), np.zeros(2, "<i4")])
def test_a_sum_of_another_ring_is_refused(total):
    with pytest.raises(ProtocolError, match="ring_total"):
        FixedPoint(1.0, 3, 1).decode(total)
