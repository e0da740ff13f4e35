"""Fixed-point encoding: exact, bounded, and refused where the sum could wrap."""

import math
from fractions import Fraction
from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradveil.exchange import InvalidUpdateError
from secagg import FixedPoint, OverflowRefusedError, ProtocolError
from secagg.residues import centred
from secagg.residues import reduce as reduced

VALUES = st.floats(-4, 4, width=32)
VECTORS = hnp.arrays(np.float32, st.integers(1, 20), elements=VALUES)
BITS = st.sampled_from([32, 64])
MODULI = st.integers(8, 64)


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
        ((1.0, 1000, 60000), "modulus_bits=34 or max_weight to 16777"),
        ((1.0, 2**25, 1), "modulus_bits=34"),
        ((1.0, 2**40, 2**20, 64), "lower max_clients or max_weight to 65535"),
        ((0.0, 3, 1), "near the largest value"),
        ((float("nan"), 3, 1), "near the largest value"),
        ((float("inf"), 3, 1), "near the largest value"),
        ((1.0, 0, 1), "real bounds"),
        ((1.0, 3, 0), "real bounds"),
        ((1.0, 3, 1, 7), "choose 8 to 64"),
        ((1.0, 3, 1, 65), "choose 8 to 64"),
        ((1.0, 3, 1, 8), "room for 42 levels, 128 needed; set modulus_bits=10"),
        ((1.0, 3, 1, 32, "up"), "nearest or stochastic"),
        ((1.0, 3, 1, 32, "nearest", 1), "choose 2 to 53"),
        ((1.0, 3, 1, 32, "nearest", 54), "choose 2 to 53"),
        ((1.0, 5, 1, 8, "nearest", 6), "room for 25 levels, 31 needed; set modulus_bits=9"),
    ],
    ids=str,
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


def summed(rings):
    """On the wire's ring: sums may wrap at the width of the dtype, and are reduced by decode."""
    return reduce(np.add, rings)


@given(MODULI, st.integers(1, 63), st.sampled_from([-1, 1]), st.data())
def test_the_extreme_sum_is_exact_on_every_ring(modulus_bits, clients, sign, data):
    weight = data.draw(st.integers(1, max((2 ** (modulus_bits - 1) - 1) // clients, 1)))
    largest = (2 ** (modulus_bits - 1) - 1) // (clients * weight)
    bits = min(largest.bit_length() + 1, 53) - (2 ** (largest.bit_length()) - 1 > largest)
    if bits < 2:
        return
    encoding = FixedPoint(1.0, clients, weight, modulus_bits, bits=bits)
    vector = np.array([sign * 7.0, 0.0, -sign], dtype=np.float32)
    total = summed([encoding.encode(vector, weight, [encoding.counter_limit])] * clients)
    most = clients * weight * encoding.levels
    exact = [sign * most, 0, -sign * most, clients * weight, clients * encoding.counter_limit]
    assert centred(total, modulus_bits).tolist() == exact
    assert most < 2 ** (modulus_bits - 1)


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(2, 20))
def test_the_chosen_ring_is_the_smallest(clients, weight, bits):
    encoding = FixedPoint.for_(clients, weight, 1.0, bits)
    values = 2 * clients * weight * (2 ** (bits - 1) - 1) + 1
    assert encoding.modulus_bits == max(math.ceil(math.log2(Fraction(values))), 8)
    assert encoding.levels == 2 ** (bits - 1) - 1
    assert 2**encoding.modulus_bits >= values
    assert encoding.modulus_bits == 8 or 2 ** (encoding.modulus_bits - 1) < values
    assert encoding.dtype.itemsize * 8 in (8, 16, 32, 64)


def test_one_client_above_the_capacity_is_refused():
    levels, clients = 2**15 - 1, 2**16 + 2  # (2^31 - 1) / (2^15 - 1) = 65538.0...
    FixedPoint(1.0, clients, 1, 32, bits=16)
    assert clients * levels < 2**31 <= (clients + 1) * levels
    with pytest.raises(OverflowRefusedError, match="modulus_bits=33"):
        FixedPoint(1.0, clients + 1, 1, 32, bits=16)


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ((2**20, 2**20, 1.0, 27), "needs 67 bits of at most 64; lower bits by 3.* 8 times"),
        ((0, 1, 1.0, 8), "real bounds"),
        ((1, 1, 1.0, 1), "choose 2 to 53"),
        ((1, 1, 0.0, 8), "near the largest value"),
    ],
    ids=str,
)
def test_no_ring_holds_every_sum(arguments, advice):
    with pytest.raises(OverflowRefusedError, match=advice):
        FixedPoint.for_(*arguments)


def test_the_advised_bits_are_accepted():
    assert FixedPoint.for_(2**20, 2**20, 1.0, 24).modulus_bits == 64


def test_headroom_widens_the_ring():
    assert FixedPoint.for_(10, 1, 1.0, 8).modulus_bits == 12
    assert FixedPoint.for_(10, 1, 1.0, 8, headroom=2047 - 1270).modulus_bits == 12
    assert FixedPoint.for_(10, 1, 1.0, 8, headroom=2048 - 1270).modulus_bits == 13


@given(VECTORS, MODULI, st.integers(1, 7))
def test_encodings_are_residues_and_wrap_agrees(vector, modulus_bits, weight):
    encoding = FixedPoint(4.0, 3, 7, modulus_bits, bits=2)
    ring = encoding.encode(vector, weight, [1, 5])
    assert max(ring.tolist()) < 2**modulus_bits
    np.testing.assert_array_equal(encoding.wrap(encoding.quantise(vector), weight, [1, 5]), ring)
    assert ring[-3:].tolist() == [weight, 1, 5]


@given(hnp.arrays(np.uint32, 5), st.integers(17, 32))
def test_reduction_keeps_the_residue(words, bits):
    expected = [int(word) % 2**bits for word in words]
    half = 2 ** (bits - 1)
    assert centred(words, bits).tolist() == [(word + half) % 2**bits - half for word in expected]
    assert reduced(words, bits).tolist() == expected


@pytest.mark.parametrize("counter", [-1, 43])
def test_counters_that_could_wrap_are_refused(counter):
    encoding = FixedPoint(1.0, 3, 1, 8, bits=2)
    assert encoding.counter_limit == 42
    with pytest.raises(OverflowRefusedError, match="larger units"):
        encoding.encode(np.zeros(1, np.float32), 1, [counter])


def deviation(rounding, value=0.3):
    """Of the mean of many rounded copies of value * step, in standard errors of fair rounding."""
    encoding = FixedPoint(127.0, 3, 1, rounding=rounding, bits=8)
    copies = np.full(200_000, value, dtype=np.float32)
    counts = encoding.quantise(copies, np.random.Generator(np.random.SFC64(1)))
    assert set(counts.tolist()) <= {math.floor(value), math.ceil(value)}
    fraction = value % 1
    error = math.sqrt(fraction * (1 - fraction) / copies.size)
    return (counts.mean() - float(np.float32(value))) / error


@pytest.mark.parametrize("value", [0.3, -0.3, 5.75, -126.9, 1e-3])
def test_stochastic_rounding_is_unbiased(value):
    assert abs(deviation("stochastic", value)) < 4


def test_nearest_rounding_is_told_apart():
    assert abs(deviation("nearest")) > 100


@given(VECTORS, st.integers(2, 53))
def test_stochastic_rounding_stays_within_one_step_and_the_clip(vector, bits):
    encoding = FixedPoint(3.0, 1, 1, 64, "stochastic", bits)
    counts = encoding.quantise(vector)
    exact = np.clip(vector.astype(np.float64), -3, 3) / encoding.step
    assert np.all(np.abs(counts) <= encoding.levels)
    assert np.all(np.abs(counts - exact) <= 1 + 1e-9)


def test_whole_steps_stay_where_they_are():
    encoding = FixedPoint(127.0, 3, 1, rounding="stochastic", bits=8)
    values = np.arange(-127, 128, dtype=np.float32)
    np.testing.assert_array_equal(encoding.quantise(values), values)


def test_a_seeded_generator_repeats_and_the_default_does_not():
    encoding = FixedPoint(1.0, 3, 1, rounding="stochastic")
    vector = np.linspace(-1, 1, 40_000, dtype=np.float32)
    seeded = [encoding.encode(vector, 1, generator=np.random.default_rng(7)) for _ in range(2)]
    np.testing.assert_array_equal(*seeded)
    assert np.any(encoding.encode(vector, 1) != encoding.encode(vector, 1))


def test_blocks_do_not_show():
    encoding, vector = FixedPoint(1.0, 3, 5), np.linspace(-2, 2, 50_001, dtype=np.float32)
    parts = [encoding.quantise(part) for part in np.split(vector, [1, 16_384, 40_000])]
    np.testing.assert_array_equal(np.concatenate(parts), encoding.quantise(vector))
    exact = np.rint(np.clip(vector / np.float64(encoding.step), -encoding.levels, encoding.levels))
    np.testing.assert_array_equal(encoding.quantise(vector), exact)
