"""The noise of real ciphertexts against the variances and bounds that the parameters claim.

A claim is tested from both sides: a sample passes the claimed variance, and fails a claim of half of it.
"""

import math

import numpy as np
import pytest
import tenseal as ts
from tenseal import sealapi

from attacks.keyrecovery.ntt import NegacyclicNtt
from he import CkksParams, Encryption, PackedParams, TensealVectorParams
from he.params import noise
from he.residues import packed_bytes, unpack
from he.schemes import blobs, memory
from tests.he.conftest import PARAMS, PUBLIC
from tests.he.parties import bench

SIGMAS = 6
SAMPLES = 8
PACKED = {
    "1 field": PackedParams(fields=1, field_bits=30, modulus_bits=56, step_bits=20),
    "2 fields": PackedParams(),
    "3 fields": PackedParams(modulus_bits=50, fields=3, field_bits=14, step_bits=10, max_clients=4),
    "8192": PackedParams(poly_degree=8192, modulus_bits=60, field_bits=24),
    "public": PARAMS["packed-public"],
    "public, 3 fields": PackedParams(
        modulus_bits=56, fields=3, field_bits=14, step_bits=10, max_clients=4, **PUBLIC
    ),
}
CKKS = {
    "default": CkksParams(),
    "8192": CkksParams(poly_degree=8192, modulus_bits=60, step_bits=22),
    "public": PARAMS["ckks-public"],
}
VECTORS = {name: getattr(TensealVectorParams, name)() for name in ("nvflare", "maskcrypt", "fedml_he")}

packed = pytest.mark.parametrize("params", PACKED.values(), ids=PACKED)
slots = pytest.mark.parametrize("params", CKKS.values(), ids=CKKS)
vectors = pytest.mark.parametrize("params", VECTORS.values(), ids=VECTORS)


def is_public(params):
    return params.encryption is Encryption.PUBLIC_KEY


def passes(sample, variance):
    """Whether a sample of zero mean spreads no wider than this variance allows it to."""
    return (sample**2).mean() <= variance * (1 + SIGMAS * math.sqrt(2 / sample.size))


def matches(sample, variance, share):
    """The variance is not too small, half of it would be, and it is this share of the claim."""
    assert passes(sample, variance)
    assert not passes(sample, variance / 2)
    ratio = (sample**2).mean() / variance
    assert abs(sample.mean()) < SIGMAS * math.sqrt(variance / sample.size)
    assert abs(ratio - share) < 0.06, ratio


def random_steps(params, rng):
    return rng.integers(-params.max_steps, params.max_steps, params.values_per_chunk, endpoint=True)


def secret_of(params):
    """The secret's coefficients, by a transform of our own."""
    ring = bench(params).scheme.ring
    values = unpack(memoryview(bench(params).secret), params.poly_degree, params.modulus_bits)
    transform = NegacyclicNtt(params.poly_degree, ring.modulus)
    return transform.inverse(values.astype(object)).astype(np.int64)


def negacyclic(words, secret):
    """words * secret mod X^N + 1, exactly: by floating-point transforms of pieces of 20 bits."""
    size = secret.size
    total = np.zeros(size, dtype=object)
    transformed = np.fft.rfft(secret, 2 * size)
    for shift in (0, 20, 40):
        piece = ((words >> np.uint64(shift)) & np.uint64(2**20 - 1)).astype(np.float64)
        product = np.rint(np.fft.irfft(np.fft.rfft(piece, 2 * size) * transformed, 2 * size))
        total += (product[:size] - product[size:]).astype(np.int64).astype(object) << shift
    return total


def packed_noise(params, chunk, steps):
    """c0 + c1 s - round(q m / t) of a sum, as integers around 0; m is joined here by Python integers."""
    modulus, degree = bench(params).scheme.ring.modulus, params.poly_degree
    first = packed_bytes(degree, params.modulus_bits)
    c0 = unpack(memoryview(chunk)[:first], degree, params.modulus_bits)
    c1 = unpack(memoryview(chunk)[first:], degree, params.modulus_bits)
    rows = steps.reshape(degree, params.fields).astype(object)
    message = sum(rows[:, place] << place * params.field_bits for place in range(params.fields))
    scaled = (2 * modulus * message + 2**params.plain_bits) >> (params.plain_bits + 1)
    found = (c0.astype(object) + negacyclic(c1, secret_of(params)) - scaled) % modulus
    return np.where(found > modulus // 2, found - modulus, found).astype(np.float64)


def fresh_packed(params, seed=0):
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(SAMPLES):
        steps = random_steps(params, rng)
        (total,) = bench(params).add([bench(params).upload(steps)], [1], steps.size)
        found.append(packed_noise(params, total, steps))
    return np.concatenate(found)


def raw_slots(params, chunk):
    """The floats that SEAL decodes, which never leave the package."""
    ring = bench(params).scheme.ring
    plain = sealapi.Plaintext()
    ciphertext = ring.both(memoryview(chunk), params.poly_degree)
    sealapi.Decryptor(ring.context, ring.secret_key(bench(params).secret)).decrypt(ciphertext, plain)
    decoded = np.array(sealapi.CKKSEncoder(ring.context).decode_complex(plain))
    return np.concatenate((decoded.real, decoded.imag))


def raw_vector(params, chunk):
    size = int.from_bytes(chunk[:4], "little")
    context = ts.context_from(bench(params).secret, n_threads=1)
    return np.array(ts.ckks_vector_from(context, chunk[4 : 4 + size]).decrypt())


def slot_noise(params, vectors, weights, raw=raw_slots):
    uploads = [bench(params).upload(vector) for vector in vectors]
    (total,) = bench(params).add(uploads, weights, vectors[0].size)
    expected = sum(weight * vector for vector, weight in zip(vectors, weights, strict=True))
    return raw(params, total) - expected * params.step


def slot_variance(params):
    return params.poly_degree / 2 * (params.coefficient_variance + 1 / 4) / 4.0**params.scale_bits


def extreme_weights(params):
    """One client as heavy as the noise allows, and as many others as fit beside it."""
    heavy = min(math.isqrt(params.noise_capacity), params.max_clients)
    while heavy**2 + min(params.max_clients - heavy, 3) > params.noise_capacity:
        heavy -= 1
    return [heavy] + [1] * min(params.max_clients - heavy, 3)


@pytest.mark.parametrize("params", [PARAMS["packed"], PARAMS["ckks"]], ids=["packed", "ckks"])
def test_secrets_are_ternary_and_balanced(params):
    secret = secret_of(params)
    counts = [int((secret == value).sum()) for value in (-1, 0, 1)]
    assert sum(counts) == params.poly_degree
    assert all(
        abs(count - params.poly_degree / 3) < SIGMAS * math.sqrt(params.poly_degree * 2 / 9)
        for count in counts
    )


@packed
def test_fresh_packed_noise_has_the_claimed_variance(params):
    if is_public(params):
        # s and u are ternary: two thirds of the N products are not zero, the claim counts all.
        matches(fresh_packed(params), noise.public_key_variance(params.poly_degree), 2 / 3)
    else:
        matches(fresh_packed(params), noise.shared_key_variance(), 1)


def test_the_library_draws_the_errors_that_the_claim_names():
    """A centred binomial of 42 bits: integers within 21, with its fourth moment too."""
    sample = fresh_packed(PACKED["1 field"], seed=1)
    assert (sample == np.rint(sample)).all()
    assert 10 <= np.abs(sample).max() <= 21
    kurtosis = (sample**4).mean() / (sample**2).mean() ** 2
    assert abs(kurtosis - (3 - 2 / 42)) < 0.3


def test_scaled_messages_leave_no_error_of_their_own():
    """With zero messages the noise is as large as with any other: the rounding of q m / t is not in it."""
    params = PACKED["3 fields"]
    steps = np.zeros(params.values_per_chunk, dtype=np.int64)
    totals = [bench(params).add([bench(params).upload(steps)], [1], steps.size)[0] for _ in range(SAMPLES)]
    sample = np.concatenate([packed_noise(params, total, steps) for total in totals])
    matches(sample, noise.shared_key_variance(), 1)


@packed
def test_noise_of_a_packed_sum_grows_with_the_squares_and_stays_below_the_rounding(params):
    rng, weights = np.random.default_rng(2), extreme_weights(params)
    vectors = [random_steps(params, rng) for _ in weights]
    (total,) = bench(params).add([bench(params).upload(each) for each in vectors], weights, vectors[0].size)
    steps = sum(weight * each for each, weight in zip(vectors, weights, strict=True))
    sample = packed_noise(params, total, steps)
    squares = sum(weight**2 for weight in weights)
    variance = squares * (
        noise.public_key_variance(params.poly_degree) if is_public(params) else noise.shared_key_variance()
    )
    rounding = sum(weights) ** 2 / 12
    assert passes(sample, variance + rounding)
    assert not passes(sample, variance / 3)
    # A claimed bound lies 13 deviations out; what is met lies near 5.
    limit = bench(params).scheme.ring.modulus / 2 ** (params.plain_bits + 1)
    bound = noise.tail() * math.sqrt(variance) + sum(weights) / 2
    assert np.abs(sample).max() < 0.6 * bound
    assert bound <= limit * (1 + 1e-9)
    assert (
        noise.tail() * math.sqrt(variance * params.noise_capacity / squares) + params.max_clients / 2 <= limit
    )


@packed
def test_packed_sums_at_noise_capacity_are_exact(params):
    weights = extreme_weights(params)
    assert math.isqrt(params.noise_capacity) - 1 <= weights[0] or weights[0] + 3 >= params.max_clients
    vectors = [random_steps(params, np.random.default_rng(seed)) for seed in range(len(weights))]
    total = bench(params).sum(vectors, weights)
    np.testing.assert_array_equal(total, sum(w * v for w, v in zip(weights, vectors, strict=True)))


def test_far_beyond_noise_capacity_packed_sums_break():
    """The limit is real: without it, weights that fit the fields give a sum that is wrong or refused."""
    params = PackedParams(fields=1, field_bits=24, modulus_bits=33, step_bits=8, max_clients=16)
    heavy = 30 * math.isqrt(params.noise_capacity)
    assert heavy < params.capacity
    vector = np.ones(params.values_per_chunk, dtype=np.int64)
    (total,) = bench(params).add([bench(params).upload(vector)], [heavy], vector.size)
    opened = bench(params).open([total], [heavy], vector.size)
    assert (opened != heavy * vector).any()


@slots
def test_fresh_ckks_noise_has_the_claimed_variance(params):
    rng = np.random.default_rng(3)
    fresh = [slot_noise(params, [random_steps(params, rng)], [1]) for _ in range(SAMPLES)]
    matches(np.concatenate(fresh), slot_variance(params), 2 / 3 if is_public(params) else 0.985)


@slots
def test_noise_of_a_ckks_sum_stays_within_its_bound(params):
    rng, weights = np.random.default_rng(4), extreme_weights(params)
    weight, squares = sum(weights), sum(each**2 for each in weights)
    sample = slot_noise(params, [random_steps(params, rng) for _ in weights], weights)
    assert passes(sample, squares * slot_variance(params))
    assert not passes(sample, squares * slot_variance(params) / 3)
    assert np.abs(sample).max() < 0.6 * params.noise_bound(weight, squares)
    assert params.noise_bound(weight, squares) <= params.step / 4


@slots
def test_ckks_sums_at_noise_capacity_are_exact(params):
    weights = extreme_weights(params)
    vectors = [random_steps(params, np.random.default_rng(seed)) for seed in range(len(weights))]
    total = bench(params).sum(vectors, weights)
    np.testing.assert_array_equal(total, sum(w * v for w, v in zip(weights, vectors, strict=True)))


@vectors
def test_tenseal_noise_stays_within_its_bound(params):
    rng, weights = np.random.default_rng(5), [20, 1, 1]
    weight, squares = sum(weights), sum(each**2 for each in weights)
    sample = slot_noise(params, [random_steps(params, rng) for _ in weights], weights, raw_vector)
    assert passes(sample, squares * slot_variance(params))
    assert not passes(sample, squares * slot_variance(params) / 25)
    assert np.abs(sample).max() < 0.6 * params.noise_bound(weight, squares)


def test_a_bound_that_is_met_with_chance_2_to_the_minus_128():
    """2 exp(-x^2 / 2) = 2^-128 at the claimed number of deviations."""
    assert math.log2(2) - noise.tail() ** 2 / 2 / math.log(2) == pytest.approx(-128)
    assert 13 < noise.tail() < 14


def test_words_of_a_seeded_upload_are_the_sum_of_one():
    """What the server expands from a seed is what the owner of the key meant."""
    params = PARAMS["packed"]
    steps = random_steps(params, np.random.default_rng(6))
    (chunk,) = bench(params).upload(steps)
    expanded = bench(params).scheme.ring.seeded(memoryview(chunk), steps.size)
    words = blobs.ciphertext_words(memory.saved(expanded))
    assert words.size == 2 * params.poly_degree
    second = words[params.poly_degree :].astype(np.float64) / bench(params).scheme.ring.modulus
    # Uniform: mean 1/2, variance 1/12.
    assert abs(second.mean() - 0.5) < SIGMAS / math.sqrt(12 * second.size)
    assert abs(second.var() * 12 - 1) < SIGMAS * math.sqrt(0.8 / second.size)
