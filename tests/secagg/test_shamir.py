"""Secret sharing: every subset at and above the threshold rebuilds, everything else is refused."""

from itertools import combinations, permutations

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from secagg import ProtocolError, TamperedError, TooFewSharesError, shamir

SECRET = bytes(range(32))


def shares_of(secret, threshold, count):
    return list(enumerate(shamir.split(secret, threshold, count), start=1))


def test_the_field_is_the_first_prime_above_all_secrets():
    assert sympy.isprime(shamir.PRIME)
    assert sympy.nextprime(2**256) == shamir.PRIME


@pytest.mark.parametrize("threshold", [1, 2, 3, 4, 5])
def test_every_subset_at_or_above_the_threshold_rebuilds(threshold):
    shares = shares_of(SECRET, threshold, 5)
    for size in range(threshold, 6):
        assert all(shamir.combine(part, threshold) == SECRET for part in combinations(shares, size))


@pytest.mark.parametrize("threshold", [2, 3, 5])
def test_every_subset_below_the_threshold_is_refused(threshold):
    for part in combinations(shares_of(SECRET, threshold, 5), threshold - 1):
        with pytest.raises(TooFewSharesError, match=f"{threshold - 1} shares, {threshold} needed"):
            shamir.combine(part, threshold)


def test_the_order_of_shares_is_irrelevant():
    shares = shares_of(SECRET, 3, 3)
    assert {shamir.combine(order, 3) for order in permutations(shares)} == {SECRET}


@settings(derandomize=True, deadline=None, database=None)
@given(st.binary(min_size=32, max_size=32), st.integers(1, 12), st.integers(0, 8))
def test_any_secret_survives(secret, threshold, spare):
    assert shamir.combine(shares_of(secret, threshold, threshold + spare)[spare:], threshold) == secret


@pytest.mark.parametrize("secret", [bytes(32), b"\xff" * 32])
def test_the_extreme_secrets_survive(secret):
    assert shamir.combine(shares_of(secret, 4, 6), 4) == secret


def test_shares_of_one_secret_differ_each_time():
    assert shamir.split(SECRET, 2, 3) != shamir.split(SECRET, 2, 3)


def test_fewer_shares_fit_every_secret():
    (x, y), other = shares_of(SECRET, 2, 3)[0], bytes(32)
    at_zero = (int.from_bytes(y) - int.from_bytes(other)) % shamir.PRIME
    slope = at_zero * pow(x, -1, shamir.PRIME) % shamir.PRIME
    forged = [(point, shamir.evaluate([0, slope], point)) for point in (x, 2)]
    assert shamir.combine(forged, 2) == other


@pytest.mark.parametrize("points", [(0, 1, 2), (-1, 1, 2), (1, 1, 2)])
def test_zero_negative_and_repeated_points_are_refused(points):
    values = shamir.split(SECRET, 3, 3)
    with pytest.raises(ProtocolError, match="distinct points"):
        shamir.combine(list(zip(points, values, strict=True)), 3)


def test_a_value_outside_the_field_is_refused():
    shares = shares_of(SECRET, 2, 3)
    with pytest.raises(TamperedError, match="outside the field"):
        shamir.combine([shares[0], (2, shamir.PRIME.to_bytes(33))], 2)


def test_a_secret_outside_the_range_is_refused():
    with pytest.raises(TamperedError, match="do not belong together"):
        shamir.combine([(1, (2**256).to_bytes(33))], 1)


@pytest.mark.parametrize(("threshold", "count"), [(0, 3), (4, 3), (-1, 3)])
def test_impossible_thresholds_are_refused(threshold, count):
    with pytest.raises(ProtocolError, match="lower it"):
        shamir.split(SECRET, threshold, count)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_secrets_of_another_length_are_refused(size):
    with pytest.raises(ProtocolError, match="32 bytes"):
        shamir.split(bytes(size), 2, 3)


def test_coefficients_are_computed_once_for_each_set_of_responders():
    shamir.lagrange_at_zero.cache_clear()
    for _ in range(5):
        shamir.combine(shares_of(SECRET, 3, 5), 3)
    assert shamir.lagrange_at_zero.cache_info().misses == 1
