"""Polynomials through points of which some are wrong: right up to the limit, not in silence beyond it."""

from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secagg.decoding import polynomial_through

PRIMES = [11, 101, 2**61 - 1, 2**256 + 297]


def value(coefficients, x, prime):
    return sum(c * x**power for power, c in enumerate(coefficients)) % prime


def points_of(coefficients, count, prime, wrong=()):
    """Points at 1 .. count; wrong[x] is added to the value at x."""
    wrong = dict(wrong)
    return [(x, (value(coefficients, x, prime) + wrong.get(x, 0)) % prime) for x in range(1, count + 1)]


@st.composite
def cases(draw, most_wrong):
    """A prime, coefficients, a number of points, and offsets at up to `most_wrong(spare)` of them."""
    prime = draw(st.sampled_from(PRIMES))
    size = draw(st.integers(1, 5))
    count = draw(st.integers(size, min(size + 5, prime - 1)))
    coefficients = draw(st.lists(st.integers(0, prime - 1), min_size=size, max_size=size))
    places = draw(st.sets(st.integers(1, count), max_size=min(most_wrong(count - size), count)))
    return prime, coefficients, count, {x: draw(st.integers(1, prime - 1)) for x in sorted(places)}


@settings(max_examples=300)
@given(cases(lambda spare: spare // 2))
def test_up_to_half_of_the_spare_points_may_be_wrong(case):
    prime, coefficients, count, wrong = case
    found = polynomial_through(points_of(coefficients, count, prime, wrong), len(coefficients), prime)
    assert found == coefficients


@settings(max_examples=300)
@given(cases(lambda spare: spare + 5))
def test_beyond_it_there_is_none_or_one_that_fits_all_but_as_many(case):
    prime, coefficients, count, wrong = case
    points, size = points_of(coefficients, count, prime, wrong), len(coefficients)
    found = polynomial_through(points, size, prime)
    if found is None:
        assert len(wrong) > (count - size) // 2
    else:
        assert len(found) == size
        missed = sum(value(found, x, prime) != y for x, y in points)
        assert missed <= (count - size) // 2


@settings(max_examples=50)
@given(st.permutations(range(7)))
def test_the_order_of_points_is_irrelevant(order):
    points = points_of([3, 1, 4], 7, 101, {2: 5, 6: 7})
    assert polynomial_through([points[place] for place in order], 3, 101) == [3, 1, 4]


def test_every_word_of_a_small_code_is_decoded_to_its_only_neighbour():
    """Brute force: six points, two coefficients modulo 7, all patterns of two errors."""
    prime, size, count = 7, 2, 6
    for coefficients in product(range(prime), repeat=size):
        for places in combinations(range(1, count + 1), 2):
            points = points_of(list(coefficients), count, prime, {places[0]: 1, places[1]: 3})
            assert polynomial_through(points, size, prime) == list(coefficients)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_without_spare_points_any_values_are_a_polynomial(size):
    points = [(x, x * x + 5) for x in range(1, size + 1)]
    found = polynomial_through(points, size, 101)
    assert [value(found, x, 101) for x, _ in points] == [y for _, y in points]


def test_one_spare_point_tells_that_something_is_wrong():
    assert polynomial_through(points_of([3, 1, 4], 4, 101, {2: 1}), 3, 101) is None


def test_leading_zeros_are_kept():
    assert polynomial_through(points_of([5, 0, 0], 6, 101, {1: 9}), 3, 101) == [5, 0, 0]
