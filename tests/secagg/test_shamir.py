"""Secret sharing: every subset at and above the threshold rebuilds, everything else is refused."""

from itertools import combinations, permutations

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from secagg import ProtocolError, TamperedError, TooFewSharesError, shamir

SECRET = bytes(range(32))


def shares_of(secret, threshold, count):
    points = range(1, count + 1)
    return list(zip(points, shamir.split(secret, threshold, points), strict=True))


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


@given(st.binary(min_size=32, max_size=32), st.integers(1, 12), st.integers(0, 8))
def test_any_secret_survives(secret, threshold, spare):
    assert shamir.combine(shares_of(secret, threshold, threshold + spare)[spare:], threshold) == secret


@pytest.mark.parametrize("secret", [bytes(32), b"\xff" * 32])
def test_the_extreme_secrets_survive(secret):
    assert shamir.combine(shares_of(secret, 4, 6), 4) == secret


def test_shares_of_one_secret_differ_each_time():
    assert shares_of(SECRET, 2, 3) != shares_of(SECRET, 2, 3)


def test_fewer_shares_fit_every_secret():
    (x, y), other = shares_of(SECRET, 2, 3)[0], bytes(32)
    at_zero = (int.from_bytes(y) - int.from_bytes(other)) % shamir.PRIME
    slope = at_zero * pow(x, -1, shamir.PRIME) % shamir.PRIME
    forged = [(point, shamir.evaluate([0, slope], point)) for point in (x, 2)]
    assert shamir.combine(forged, 2) == other


@pytest.mark.parametrize("points", [(0, 1, 2), (-1, 1, 2), (1, 1, 2)])
def test_zero_negative_and_repeated_points_are_refused(points):
    values = shamir.split(SECRET, 3, (1, 2, 3))
    with pytest.raises(ProtocolError, match="distinct points"):
        shamir.combine(list(zip(points, values, strict=True)), 3)


@pytest.mark.parametrize("points", [(0, 1, 2), (-1, 1, 2), (1, 1, 2)])
def test_shares_are_made_at_distinct_points_of_one_or_more(points):
    with pytest.raises(ProtocolError, match="distinct points"):
        shamir.split(SECRET, 2, points)


def test_shares_may_be_made_at_any_points():
    points = (7, 3, 4096)
    shares = list(zip(points, shamir.split(SECRET, 2, points), strict=True))
    assert all(shamir.combine(part, 2) == SECRET for part in combinations(shares, 2))


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
        shamir.split(SECRET, threshold, range(1, count + 1))


@pytest.mark.parametrize("size", [0, 31, 33])
def test_secrets_of_another_length_are_refused(size):
    with pytest.raises(ProtocolError, match="32 bytes"):
        shamir.split(bytes(size), 2, (1, 2, 3))


def test_coefficients_are_computed_once_for_each_set_of_responders():
    shamir.lagrange_at_zero.cache_clear()
    for _ in range(5):
        shamir.combine(shares_of(SECRET, 3, 5), 3)
    assert shamir.lagrange_at_zero.cache_info().misses == 1


def spoiled(shares, wrong, offset=1):
    """The shares with wrong values at these points."""
    return [
        (x, ((int.from_bytes(y) + offset + x) % shamir.PRIME).to_bytes(33) if x in wrong else y)
        for x, y in shares
    ]


class TestCorrect:
    @pytest.mark.parametrize(("threshold", "count"), [(1, 3), (2, 4), (2, 6), (3, 6), (4, 7), (5, 5)])
    def test_every_set_of_wrong_shares_up_to_the_limit_is_named(self, threshold, count):
        shares = shares_of(SECRET, threshold, count)
        for size in range((count - threshold) // 2 + 1):
            for wrong in combinations(range(1, count + 1), size):
                assert shamir.correct(spoiled(shares, wrong), threshold) == (SECRET, wrong)

    @given(st.data())
    def test_any_values(self, data):
        threshold, spare = data.draw(st.integers(1, 8)), data.draw(st.integers(0, 6))
        secret = data.draw(st.binary(min_size=32, max_size=32))
        shares = shares_of(secret, threshold, threshold + spare)
        wrong = data.draw(st.sets(st.integers(1, threshold + spare), max_size=spare // 2))
        offset = data.draw(st.integers(1, shamir.PRIME - 100))
        assert shamir.correct(spoiled(shares, wrong, offset), threshold) == (secret, tuple(sorted(wrong)))

    @pytest.mark.parametrize(("threshold", "count"), [(2, 4), (3, 6), (4, 7), (3, 9)])
    def test_beyond_the_limit_the_secret_is_refused_or_another(self, threshold, count):
        """The caller tells another one by what its owner published."""
        shares = shares_of(SECRET, threshold, count)
        for wrong in combinations(range(1, count + 1), (count - threshold) // 2 + 1):
            with pytest.raises(TamperedError, match="too many shares are wrong"):
                shamir.correct(spoiled(shares, wrong, 2**200), threshold)

    def test_more_colluders_than_right_shares_win(self):
        """Four shares of another polynomial out of five: no decoder could tell, so its secret comes out."""
        shares, others = shares_of(SECRET, 3, 5), shares_of(bytes(32), 3, 5)
        assert shamir.correct([shares[0], *others[1:]], 3) == (bytes(32), (1,))

    def test_a_secret_over_32_bytes_is_refused(self):
        shares = [(x, shamir.evaluate([2**256 + 5, 1], x)) for x in (1, 2, 3, 4)]
        with pytest.raises(TamperedError):
            shamir.correct(shares, 2)

    def test_a_value_outside_the_field_is_wrong(self):
        shares = shares_of(SECRET, 2, 4)
        x, value = shares[2]
        beyond = int.from_bytes(value) + shamir.PRIME
        if beyond < 2**264:
            assert shamir.correct([*shares[:2], (x, beyond.to_bytes(33)), shares[3]], 2) == (SECRET, (3,))

    def test_too_few_shares_are_refused(self):
        with pytest.raises(TooFewSharesError, match="1 shares, 2 needed"):
            shamir.correct(shares_of(SECRET, 2, 3)[:1], 2)
