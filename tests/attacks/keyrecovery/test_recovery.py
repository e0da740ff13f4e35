"""Unrounded decryptions of SEAL's CKKS give the secret key away; sums on a grid do not."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks.keyrecovery import CkksTranscript, KeyNotRecoveredError, recover_key
from attacks.keyrecovery.embedding import coefficients
from attacks.keyrecovery.ntt import NegacyclicNtt
from tests.attacks.keyrecovery.seal import CLIENTS, SCALE, complex_slots, real_slots, seal

KEYS = range(3)
STEP = 2.0**-24
NVFLARE = (8192, (60, 40, 40))
PACKINGS = pytest.mark.parametrize("slots", [complex_slots, real_slots])


def on_grid(reals):
    return np.rint(reals / STEP) * STEP


def noisy(reals):
    return reals + np.random.default_rng(7).normal(0, 1e-9, reals.shape)


def in_single_precision(reals):
    return reals.astype(np.float32).astype(np.float64)


def changed(change, slots):
    """A change of real and imaginary parts alike."""
    return change(slots.view(np.float64)).view(slots.dtype)


def published_as(change, aggregate):
    ciphertext, exact = aggregate
    return ciphertext, changed(change, exact)


def aggregates(scheme, slots, count=2, **settings):
    return [scheme.aggregate(slots(scheme.degree, seed=seed, **settings)) for seed in range(count)]


def assert_recovered(scheme, transcript):
    found = recover_key(transcript)
    assert found.dtype == np.int8
    values = NegacyclicNtt(scheme.degree, scheme.modulus).forward(found.astype(object))
    assert (values == scheme.secret).all()


def assert_kept(transcript, match="no published vector gives a ternary key"):
    with pytest.raises(KeyNotRecoveredError, match=match):
        recover_key(transcript)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("degree", [2048, 4096])
def test_one_complex_aggregate_gives_the_whole_key(degree, key):
    scheme = seal(degree)
    assert_recovered(scheme, scheme.transcript(*aggregates(scheme, complex_slots, 1)))


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("degree", [2048, 4096])
def test_two_real_aggregates_give_the_whole_key(degree, key):
    scheme = seal(degree)
    assert_recovered(scheme, scheme.transcript(*aggregates(scheme, real_slots)))


@PACKINGS
def test_one_prime_of_a_chain_is_enough(slots):
    scheme = seal(*NVFLARE)
    assert_recovered(scheme, scheme.transcript(*aggregates(scheme, slots)))


def test_one_real_aggregate_is_not_enough_for_this_attack():
    scheme = seal()
    assert_kept(scheme.transcript(*aggregates(scheme, real_slots, 1)), "add a second one under the same key")


@PACKINGS
def test_a_published_mean_is_as_good_as_the_sum(slots):
    scheme = seal()
    means = [(ciphertext, exact / CLIENTS) for ciphertext, exact in aggregates(scheme, slots)]
    assert_recovered(scheme, scheme.transcript(*means, scale=CLIENTS * SCALE))


def test_the_key_opens_the_upload_of_a_single_client():
    scheme, inputs = seal(), complex_slots()
    ring = NegacyclicNtt(scheme.degree, scheme.modulus)
    key = ring.forward(recover_key(scheme.transcript(scheme.aggregate(inputs))).astype(object))
    c0, c1 = (part.astype(object) for part in scheme.encrypt(inputs[0]))
    opened = ring.inverse((c0 + c1 * key) % scheme.modulus).astype(np.float64) / SCALE
    np.testing.assert_allclose(opened, coefficients(inputs[0]), atol=100 / SCALE)


@pytest.mark.parametrize("key", KEYS)
@PACKINGS
def test_sums_rounded_to_the_grid_of_their_inputs_keep_the_key(slots, key):
    scheme = seal()
    inputs = [changed(on_grid, slots(seed=seed)) for seed in range(2)]
    rounded = [published_as(on_grid, scheme.aggregate(values)) for values in inputs]
    assert all((slots == values.sum(0)).all() for (_, slots), values in zip(rounded, inputs, strict=True))
    assert_kept(scheme.transcript(*rounded))


@pytest.mark.parametrize("change", [noisy, in_single_precision])
@PACKINGS
def test_noise_and_single_precision_stop_this_attack(slots, change):
    scheme = seal()
    assert_kept(scheme.transcript(*[published_as(change, found) for found in aggregates(scheme, slots)]))


@pytest.mark.parametrize("std", [0.0, 1e-5])
@PACKINGS
def test_single_precision_is_no_defense_of_small_updates(slots, std):
    """Rounding is relative to the value, the noise that must be hidden is not."""
    scheme = seal()
    small = aggregates(scheme, slots, std=std)
    assert_recovered(
        scheme, scheme.transcript(*[published_as(in_single_precision, found) for found in small])
    )


@PACKINGS
def test_unrounded_publications_are_found_among_rounded_ones(slots):
    scheme = seal()
    found = aggregates(scheme, slots, 5)
    mixed = [published_as(on_grid, one) if index % 2 == 0 else one for index, one in enumerate(found)]
    assert_recovered(scheme, scheme.transcript(*mixed))


def test_complex_and_real_publications_may_be_mixed():
    scheme = seal()
    real, whole = aggregates(scheme, real_slots, 1), aggregates(scheme, complex_slots, 1)
    assert_recovered(scheme, scheme.transcript(*real, *whole))


@PACKINGS
def test_values_too_large_for_their_floats_keep_the_key(slots):
    scheme = seal()
    assert_kept(
        scheme.transcript(*aggregates(scheme, slots, 2, clients=1, std=2.0**15)), "too large for float64"
    )


@PACKINGS
def test_ciphertexts_of_other_publications_give_nothing(slots):
    scheme = seal()
    (first, one), (second, other) = aggregates(scheme, slots)
    assert_kept(scheme.transcript((first, other), (second, one)), "belong to the published")


@PACKINGS
def test_another_scale_gives_nothing(slots):
    scheme = seal()
    assert_kept(scheme.transcript(*aggregates(scheme, slots), scale=2 * SCALE))


def test_aggregates_under_two_keys_give_nothing():
    schemes = seal(), seal()
    pairs = [aggregates(scheme, real_slots, 1)[0] for scheme in schemes]
    assert_kept(schemes[0].transcript(*pairs))


def test_the_same_real_aggregate_twice_says_nothing_new():
    scheme = seal()
    assert_kept(scheme.transcript(*aggregates(scheme, real_slots, 1) * 2))


def test_a_ciphertext_without_a_key_in_it_gives_none():
    zero = np.zeros(4096, np.uint64)
    assert_kept(seal().transcript(((zero, zero), np.zeros(2048, np.complex128))))


def test_one_point_without_the_key_is_left_to_another_ciphertext():
    scheme = seal()
    (first, one), other = aggregates(scheme, complex_slots)
    c0, c1 = first
    gap = scheme.transcript(((c0, np.where(np.arange(4096) == 5, 0, c1).astype(np.uint64)), one))
    assert_kept(gap)
    ciphertexts, published = (*gap.ciphertexts, other[0]), (*gap.published, other[1])
    assert_recovered(scheme, replace(gap, ciphertexts=ciphertexts, published=published))


def toy_aggregate(rng, key, prime):
    """A scheme of any small degree, by definition; message and noise are one polynomial."""
    ring, degree = NegacyclicNtt(key.size, prime), key.size
    c1 = rng.integers(0, prime, degree).astype(object)
    message = rng.integers(-(2**40), 2**40, degree).astype(object)
    c0 = (ring.forward(message) - c1 * ring.forward(key)) % prime
    points = np.exp(1j * np.pi / degree * np.array([3**slot for slot in range(degree // 2)]))
    slots = sum(float(number) * points**power for power, number in enumerate(message)) / SCALE
    return (c0.astype(np.uint64), c1.astype(np.uint64)), slots


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([4, 8, 16]),
    st.sampled_from([18014398509309953, 1152921504606830593]),
    st.booleans(),
)
def test_any_ternary_key_is_recovered(seed, degree, prime, real):
    rng = np.random.default_rng(seed)
    key = rng.integers(-1, 2, degree).astype(object)
    key[rng.integers(degree)] = 1
    found = [toy_aggregate(rng, key, prime) for _ in range(2)]
    published = tuple(slots.real.copy() if real else slots for _, slots in found)
    ciphertexts = tuple(ciphertext for ciphertext, _ in found)
    assert (recover_key(CkksTranscript(degree, prime, SCALE, ciphertexts, published)) == key).all()
