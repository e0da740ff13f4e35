"""Primes, roots and the transform, against definitions and against SEAL."""

import cmath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks.keyrecovery.embedding import coefficients, doubt
from attacks.keyrecovery.ntt import NegacyclicNtt
from attacks.keyrecovery.primes import is_prime, minimal_root
from tests.attacks.keyrecovery.seal import SCALE, complex_slots, real_slots, seal

PRIMES = (97, 12289, 18014398509309953, 1152921504606830593)
SMALL_DEGREES = (2, 4, 8, 16)
seeds = st.integers(0, 2**32 - 1)


def polynomial(seed, degree, prime):
    rng = np.random.default_rng(seed)
    return np.array([int(number) % prime for number in rng.integers(0, 2**63, degree)], dtype=object)


def product(left, right):
    """Schoolbook, mod X^N + 1."""
    degree, total = left.size, np.zeros(left.size, dtype=object)
    for power, coefficient in enumerate(left):
        shifted = np.roll(right * coefficient, power)
        shifted[:power] *= -1
        total += shifted
    return total[:degree]


def mirrored(polynomial):
    """a(1/X), as X^-i = -X^(N-i)."""
    return np.concatenate((polynomial[:1], -polynomial[:0:-1]))


def bit_reversed(index, degree):
    bits = degree.bit_length() - 1
    return int(f"{index:0{bits}b}"[::-1], 2)


def test_primes_are_those_of_a_sieve():
    found = [number for number in range(2000) if is_prime(number)]
    assert found == [n for n in range(2, 2000) if all(n % divisor for divisor in range(2, n))]


@pytest.mark.parametrize("prime", [*PRIMES, 2**61 - 1, 18446744073709551557])
def test_large_primes_are_primes(prime):
    assert is_prime(prime)


@pytest.mark.parametrize(
    "composite",
    [561, 3215031751, 341550071728321, 3825123056546413051, 12289**2, 18014398509309953 * 97],
)
def test_pseudoprimes_to_many_bases_are_not(composite):
    assert not is_prime(composite)


@pytest.mark.parametrize("order", [4, 8, 32])
def test_the_minimal_root_is_the_smallest_of_its_order(order):
    roots = [number for number in range(97) if pow(number, order // 2, 97) == 96]
    assert minimal_root(order, 97) == min(roots)


@given(seeds, st.sampled_from(SMALL_DEGREES), st.sampled_from(PRIMES))
def test_values_are_those_at_odd_powers_of_the_root_in_bit_reversed_order(seed, degree, prime):
    found = polynomial(seed, degree, prime)
    root = minimal_root(2 * degree, prime)
    points = [pow(root, 2 * bit_reversed(index, degree) + 1, prime) for index in range(degree)]
    expected = [
        sum(c * pow(point, power, prime) for power, c in enumerate(found)) % prime for point in points
    ]
    assert NegacyclicNtt(degree, prime).forward(found).tolist() == expected


@given(seeds, seeds, st.sampled_from(SMALL_DEGREES), st.sampled_from(PRIMES))
def test_products_of_values_are_negacyclic_products(left_seed, right_seed, degree, prime):
    left, right = polynomial(left_seed, degree, prime), polynomial(right_seed, degree, prime)
    ring = NegacyclicNtt(degree, prime)
    values = ring.forward(left) * ring.forward(right) % prime
    assert (ring.inverse(values) % prime == product(left, right) % prime).all()


@given(seeds, st.sampled_from(SMALL_DEGREES), st.sampled_from(PRIMES))
def test_reversed_values_are_those_of_the_mirrored_polynomial(seed, degree, prime):
    found, ring = polynomial(seed, degree, prime), NegacyclicNtt(degree, prime)
    assert (ring.forward(mirrored(found)) == ring.forward(found)[::-1]).all()


@given(seeds, st.sampled_from(SMALL_DEGREES), st.sampled_from(PRIMES))
def test_the_inverse_gives_centred_coefficients(seed, degree, prime):
    centred, ring = polynomial(seed, degree, prime) - prime // 2, NegacyclicNtt(degree, prime)
    assert (ring.inverse(ring.forward(centred)) == centred).all()


@pytest.mark.parametrize(("degree", "bits"), [(1024, 27), (2048, 54), (4096, 54), (8192, 60)])
def test_a_secret_key_of_seal_has_ternary_coefficients(degree, bits):
    scheme = seal(degree, (bits,))
    ring = NegacyclicNtt(degree, scheme.modulus)
    key = ring.inverse(scheme.secret.astype(object))
    assert sorted(set(key)) == [-1, 0, 1]
    assert (ring.forward(key) == scheme.secret).all()


@pytest.mark.parametrize("slots", [complex_slots(clients=1)[0], real_slots(clients=1)[0]])
def test_the_coefficients_of_slots_are_those_that_seal_encodes(slots):
    scheme = seal()
    encoded = NegacyclicNtt(4096, scheme.modulus).inverse(scheme.encode(slots).astype(object))
    assert np.abs(SCALE * coefficients(slots) - encoded).max() < 0.51


@given(seeds, st.sampled_from(SMALL_DEGREES))
def test_coefficients_have_the_slots_as_values(seed, degree):
    slots = complex_slots(degree, clients=1, seed=seed)[0]
    found = coefficients(slots)
    for index, slot in enumerate(slots):
        point = cmath.exp(1j * cmath.pi * 3**index / degree)
        assert sum(c * point**power for power, c in enumerate(found)) == pytest.approx(slot)


@pytest.mark.parametrize(
    ("real", "expected"),
    [
        ([3.0, -2.0], 0.0),
        ([3.25, 1.0], 0.25),
        ([0.5, 0.0], 0.5),
        ([2.0**52, 0.0], 1.0),
        ([2.0**54, 0.0], 4.0),
    ],
)
def test_doubt_is_the_distance_from_integers_and_the_spacing_of_floats(real, expected):
    assert doubt(np.array(real)) == pytest.approx(expected, abs=1e-12)
