"""Chunks without frames: the sums that every scheme must give, by one table of all of them."""

import itertools
from contextlib import suppress
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradveil.exchange.errors import WireError
from he import CkksParams, DecryptionError, Encryption, FrameError, PackedParams, TensealVectorParams
from he.bodies import encrypt_chunks
from he.residues import pack, packed_bytes, unpack
from he.schemes import blobs, memory, scheme_of
from tests.he.conftest import PARAMS, PUBLIC
from tests.he.parties import Bench, bench

SMALL = {"poly_degree": 2048}
# max_clients is the capacity of the fields: one contributor more would wrap around.
FIELDS = {
    "1 field": PackedParams(modulus_bits=38, fields=1, field_bits=25, step_bits=20, max_clients=15, **SMALL),
    "2 fields": PackedParams(modulus_bits=53, fields=2, field_bits=20, step_bits=15, max_clients=15, **SMALL),
    "3 fields": PackedParams(modulus_bits=53, fields=3, field_bits=14, step_bits=10, max_clients=7, **SMALL),
    "2 fields, public": PackedParams(
        modulus_bits=53, fields=2, field_bits=18, step_bits=14, max_clients=7, **SMALL, **PUBLIC
    ),
}
SLOTS = {
    "shared": CkksParams(modulus_bits=53, scale_bits=44, step_bits=26, max_abs=8.0, max_clients=16, **SMALL),
    "public": CkksParams(
        modulus_bits=53, scale_bits=44, step_bits=20, max_abs=8.0, max_clients=16, **SMALL, **PUBLIC
    ),
}
VECTORS = {"nvflare": TensealVectorParams.nvflare(), "maskcrypt": TensealVectorParams.maskcrypt()}
VECTORS["fedml-he"] = TensealVectorParams.fedml_he()
SCHEMES = PARAMS | VECTORS

fields = pytest.mark.parametrize("params", FIELDS.values(), ids=FIELDS)
slots = pytest.mark.parametrize("params", SLOTS.values(), ids=SLOTS)
rings = pytest.mark.parametrize("params", PARAMS.values(), ids=PARAMS)
every = pytest.mark.parametrize("params", SCHEMES.values(), ids=SCHEMES)


def fill(kind, rng, count, most):
    """Steps of one kind; extreme ones fill every field to its brim."""
    if kind == "random":
        return rng.integers(-most, most, count, endpoint=True)
    if kind == "signs":
        return most * rng.choice([-1, 1], count)
    if kind == "alternating":
        return most * np.resize([1, -1], count)
    return np.full(count, {"largest": most, "smallest": -most, "zero": 0, "minus one": -1}[kind])


KINDS = ("random", "signs", "alternating", "largest", "smallest", "zero", "minus one")


@st.composite
def cohorts(draw, params):
    """Vectors of steps (clients, n) with server-side weights that the parameters still carry."""
    weights, room = [], params.max_clients
    for _ in range(draw(st.integers(1, params.max_clients))):
        if room:
            weights.append(draw(st.integers(1, room)) if draw(st.booleans()) else 1)
            room -= weights[-1]
    chunk = params.values_per_chunk
    sizes = [1, 2, 3, 4, 5, 50, chunk - 1, chunk, chunk + 1, chunk + 2, 2 * chunk + 7]
    count, kind = draw(st.sampled_from(sizes)), draw(st.sampled_from(KINDS))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return [fill(kind, rng, count, params.max_steps) for _ in weights], weights


def exact(vectors, weights):
    return sum(weight * vector for vector, weight in zip(vectors, weights, strict=True))


@fields
@settings(max_examples=40)
@given(data=st.data())
def test_packed_sums_are_exact_for_every_cohort(params, data):
    vectors, weights = data.draw(cohorts(params))
    total = bench(params).sum(vectors, weights)
    assert total.dtype == np.int64
    np.testing.assert_array_equal(total, exact(vectors, weights))


@fields
@settings(max_examples=40)
@given(data=st.data())
def test_packed_sums_are_exact_for_chosen_values(params, data):
    count = data.draw(st.integers(1, 7))
    each = st.lists(st.integers(-params.max_steps, params.max_steps), min_size=count, max_size=count)
    vectors = [np.array(row) for row in data.draw(st.lists(each, min_size=1, max_size=params.max_clients))]
    np.testing.assert_array_equal(bench(params).sum(vectors), sum(vectors))


@fields
@pytest.mark.parametrize("kind", KINDS)
def test_packed_sums_are_exact_for_one_to_capacity(params, kind):
    """Every number of contributors, on one running total."""
    assert params.max_clients == params.capacity
    rng = np.random.default_rng(3)
    vectors = [fill(kind, rng, 2 * params.fields + 1, params.max_steps) for _ in range(params.capacity)]
    uploads = [bench(params).upload(vector) for vector in vectors]
    for clients in range(1, params.capacity + 1):
        weights = [1] * clients
        sums = bench(params).add(uploads[:clients], weights, vectors[0].size)
        opened = bench(params).open(sums, weights, vectors[0].size)
        np.testing.assert_array_equal(opened, sum(vectors[:clients]))


@fields
@pytest.mark.parametrize("sign", [1, -1])
def test_one_weight_of_the_whole_capacity_is_exact(params, sign):
    vector = np.full(params.values_per_chunk, sign * params.max_steps)
    np.testing.assert_array_equal(bench(params).sum([vector], [params.capacity]), params.capacity * vector)


@fields
def test_one_step_beyond_capacity_wraps_around(params):
    """What the capacity is for: the largest sum of one contributor more is no longer the sum."""
    vector = np.full(3, params.max_steps)
    clients = params.capacity + 1
    words = bench(params).scheme._join(clients * vector)
    assert (bench(params).scheme._split(words)[:3] != clients * vector).all()


@pytest.mark.parametrize("name", ["packed", "ckks"])
def test_default_sums_are_exact_at_capacity(name):
    params = PARAMS[name]
    rng = np.random.default_rng(1)
    vectors = [
        fill("signs", rng, params.values_per_chunk, params.max_steps) for _ in range(params.max_clients)
    ]
    vectors = [np.where(np.arange(vector.size) < 100, params.max_steps, vector) for vector in vectors]
    np.testing.assert_array_equal(bench(params).sum(vectors), sum(vectors))


@slots
@settings(max_examples=40)
@given(data=st.data())
def test_ckks_sums_are_the_exact_sums_of_steps(params, data):
    vectors, weights = data.draw(cohorts(params))
    np.testing.assert_array_equal(bench(params).sum(vectors, weights), exact(vectors, weights))


def error_in_trials(params, trials, seed):
    """Random vectors, spreads and clients: errors against the real sums, in units of the stated bound."""
    rng, worst = np.random.default_rng(seed), 0.0
    encryptor = bench(params).encryptor
    for _ in range(trials):
        clients, count = int(rng.integers(1, 5)), int(rng.integers(1, params.values_per_chunk + 1))
        spread = params.max_abs * 10.0 ** rng.uniform(-8, 0)
        values = rng.uniform(-spread, spread, (clients, count))
        uploads = [list(encrypt_chunks(encryptor, row, params)) for row in values]
        weights = [1] * clients
        steps = bench(params).open(bench(params).add(uploads, weights, count), weights, count)
        rounded = sum(np.rint(row * 2.0**params.step_bits).astype(np.int64) for row in values)
        np.testing.assert_array_equal(steps, rounded)
        error = np.abs(steps * params.step - values.sum(axis=0)).max()
        worst = max(worst, error / params.error_bound(clients))
    return worst


@pytest.mark.parametrize("trials", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_ckks_error_stays_within_the_stated_bound(trials):
    worst = error_in_trials(SLOTS["shared"], trials, seed=trials)
    # A float64 sum of the inputs is itself off by some last places.
    assert 0.9 < worst <= 1 + 1e-6


def test_public_ckks_error_stays_within_the_stated_bound():
    assert 0.9 < error_in_trials(SLOTS["public"], 100, seed=0) <= 1 + 1e-6


@every
def test_sums_by_every_scheme(params):
    rng = np.random.default_rng(5)
    chunk = params.values_per_chunk
    for count in (1, chunk, chunk + 1):
        vectors = list(rng.integers(-params.max_steps, params.max_steps, (3, count)))
        weights = [1, 6, 3]
        np.testing.assert_array_equal(bench(params).sum(vectors, weights), exact(vectors, weights))


@every
def test_sizes_are_as_announced(params):
    chunk = params.values_per_chunk
    for count in (1, 2, 3, 100, chunk - 1, chunk, chunk + 1, 2 * chunk):
        upload = bench(params).upload(np.zeros(count, dtype=np.int64))
        sums = bench(params).add(
            [upload, bench(params).upload(np.ones(count, dtype=np.int64))], [1, 1], count
        )
        assert sum(map(len, upload)) == params.upload_bytes(count)
        assert sum(map(len, sums)) == params.sum_bytes(count)
        assert [len(data) for data in upload] == [params.upload_bytes(n) for n in bench(params).counts(count)]


def test_bytes_a_value():
    assert PackedParams().upload_bytes(2**20) / 2**20 == 3.5 + 64 / 8192
    assert PackedParams().sum_bytes(2**20) / 2**20 == 7
    assert CkksParams().upload_bytes(2**20) / 2**20 == 6.75 + 64 / 4096
    assert 57 < TensealVectorParams.nvflare().upload_bytes(2**20) / 2**20 < 58.5


@every
def test_encryption_is_fresh_every_time(params):
    steps = np.zeros(5, dtype=np.int64)
    (first,), (second,) = bench(params).upload(steps), bench(params).upload(steps)
    assert first[: len(first) // 2] != second[: len(second) // 2]
    assert first[-200:] != second[-200:] or isinstance(params, TensealVectorParams)


@rings
def test_order_of_arrival_does_not_matter(params):
    uploads = [bench(params).upload(np.full(9, value)) for value in (1, -2, 3)]
    sums = {bench(params).add(order, [1, 1, 1], 9)[0] for order in itertools.permutations(uploads)}
    assert len(sums) == 1


@rings
def test_a_weight_is_repeated_addition(params):
    upload = bench(params).upload(np.arange(-4, 5))
    assert bench(params).add([upload], [5], 9) == bench(params).add([upload] * 5, [1] * 5, 9)


@every
def test_another_key_opens_nothing(params):
    sums = bench(params).add([bench(params).upload(np.arange(50))], [1], 50)
    with pytest.raises(DecryptionError):
        Bench(params).open(sums, [1], 50)


@every
def test_keys_are_fresh_and_checked(params):
    scheme, secret = bench(params).scheme, bench(params).secret
    assert scheme.generate() != secret
    scheme.require_secret(secret)
    for damaged in (b"", secret[:-1], secret[:100]):
        with pytest.raises(WireError):
            scheme.require_secret(damaged)


@rings
def test_no_byte_may_follow_a_key(params):
    with pytest.raises(WireError, match="instead of"):
        bench(params).scheme.require_secret(bench(params).secret + b"\0")


PUBLISHED = {name: params for name, params in SCHEMES.items() if params.encryption is Encryption.PUBLIC_KEY}
published = pytest.mark.parametrize("params", PUBLISHED.values(), ids=PUBLISHED)


@published
def test_public_keys_are_fresh_and_hold_no_secret(params):
    scheme, secret = bench(params).scheme, bench(params).secret
    first, second = scheme.publish(secret), scheme.publish(secret)
    # tenseal keeps the one that it made with the secret key.
    assert first != second or isinstance(params, TensealVectorParams)
    scheme.require_public(first)
    for start in range(0, len(secret) - 16, len(secret) // 50):
        # Both serialised contexts of tenseal begin with the same public parameters.
        assert secret[start : start + 16] not in first or isinstance(params, TensealVectorParams)
    for damaged in (b"", first[:-1], first[:100]):
        with pytest.raises(WireError):
            scheme.require_public(damaged)


def test_key_material_of_other_parameters_is_refused():
    ours, theirs = scheme_of(VECTORS["maskcrypt"]), scheme_of(VECTORS["fedml-he"])
    secret = theirs.generate()
    with pytest.raises(WireError):
        ours.require_secret(secret)
    with pytest.raises(WireError):
        ours.require_public(theirs.publish(secret))


def test_public_material_without_a_public_key_is_refused():
    bare = scheme_of(VECTORS["nvflare"])
    with pytest.raises(WireError):
        scheme_of(VECTORS["maskcrypt"]).require_public(bare.publish(bare.generate()))
    with pytest.raises(WireError, match="holds a secret key"):
        scheme_of(VECTORS["maskcrypt"]).require_public(bench(VECTORS["maskcrypt"]).secret)
    with pytest.raises(WireError, match="holds no secret key"):
        bare.require_secret(bare.publish(bare.generate()))


def with_residue(params, data, count, place, value):
    """A chunk whose residue at this place is another number of as many bits."""
    kept = params.coefficients(count)
    first = packed_bytes(kept, params.modulus_bits)
    start, stop, size = (0, first, kept) if place < kept else (first, len(data), params.poly_degree)
    words = unpack(memoryview(data)[start:stop], size, params.modulus_bits)
    words[place if place < kept else place - kept] = value
    return data[:start] + pack(words, params.modulus_bits) + data[stop:]


@rings
def test_a_residue_that_is_not_below_the_prime_is_refused(params):
    adder, modulus, count = bench(params).adder, bench(params).scheme.ring.modulus, 40
    (good,) = bench(params).upload(np.arange(count))
    places = [0, params.coefficients(count) - 1]
    if params.encryption is Encryption.PUBLIC_KEY:
        places += [places[1] + 1, places[1] + params.poly_degree]
    for place in places:
        adder.require_valid(memoryview(with_residue(params, good, count, place, modulus - 1)), count)
        for value in (modulus, 2**params.modulus_bits - 1):
            bad = with_residue(params, good, count, place, value)
            with pytest.raises(FrameError, match="not below the prime"):
                adder.require_valid(memoryview(bad), count)


@rings
def test_a_sum_with_such_a_residue_is_refused(params):
    (total,) = bench(params).add([bench(params).upload(np.arange(40))], [1], 40)
    last = params.coefficients(40) + params.poly_degree - 1
    for place in (0, last):
        bad = with_residue(params, total, 40, place, bench(params).scheme.ring.modulus)
        with pytest.raises(FrameError, match="not below the prime"):
            bench(params).open([bad], [1], 40)


@rings
def test_random_residues_of_the_right_form_do_not_crash_anything(params):
    """They cannot be told from a ciphertext; the sum is then no sum."""
    rng = np.random.default_rng(0)
    for count in (1, 40, params.values_per_chunk):
        (good,) = bench(params).upload(np.zeros(count, dtype=np.int64))
        shape = (len(good) * 8) // params.modulus_bits + 1
        words = rng.integers(bench(params).scheme.ring.modulus, size=shape, dtype=np.uint64)
        random = pack(words, params.modulus_bits)[: len(good)]
        try:
            bench(params).adder.require_valid(memoryview(random), count)
        except FrameError:
            continue  # the cut moved a top bit
        sums = bench(params).add([[good], [random]], [1, 1], count)
        try:
            opened = bench(params).open(sums, [1, 1], count)
        except DecryptionError:
            continue
        assert count == 1
        assert np.abs(opened).max() <= 2 * params.max_steps


BLOB = st.binary(max_size=400)


@given(BLOB, st.integers(0, 300))
def test_random_bytes_in_a_tenseal_chunk_are_a_frame_error_or_a_ciphertext(noise, start):
    damaged = bytearray(honest_vector())
    damaged[start : start + len(noise)] = noise
    with suppress(FrameError):
        bench(VECTORS["nvflare"]).adder.require_valid(memoryview(bytes(damaged)), 5)


@lru_cache
def honest_vector():
    (data,) = bench(VECTORS["nvflare"]).upload(np.arange(5))
    return data


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: bytes(len(data)),
        lambda data: b"\xff" * len(data),
        lambda data: (2**32 - 1).to_bytes(4, "little") + data[4:],
        lambda data: (0).to_bytes(4, "little") + data[4:],
        lambda data: (len(data) - 4).to_bytes(4, "little") + data[4:],
        lambda data: data[:-1] + b"\1",
        lambda data: data[:1000] + bytes(100) + data[1100:],
    ],
    ids=["zero", "ones", "too long", "empty", "unpadded", "dirty padding", "hole"],
)
def test_damaged_tenseal_chunks_are_frame_errors(damage):
    bad = damage(honest_vector())
    assert len(bad) == len(honest_vector())
    with pytest.raises(FrameError):
        bench(VECTORS["nvflare"]).adder.require_valid(memoryview(bad), 5)


def test_a_tenseal_vector_of_another_scale_or_ring_is_refused():
    adder = bench(VECTORS["nvflare"]).adder
    padded = VECTORS["nvflare"].chunk_bytes
    scale = TensealVectorParams(scale_bits=41)
    ring = TensealVectorParams(modulus_bits=(60, 40, 42))
    for params in (scale, ring):
        (data,) = bench(params).upload(np.arange(5))
        with pytest.raises(FrameError):
            adder.require_valid(memoryview(data[:padded].ljust(padded, b"\0")), 5)


def negative(params, chunk, count):
    """The same c0, and the second polynomial negated: added to the chunk it leaves no second polynomial."""
    first = packed_bytes(params.coefficients(count), params.modulus_bits)
    modulus = np.uint64(bench(params).scheme.ring.modulus)
    words = unpack(memoryview(chunk)[first:], params.poly_degree, params.modulus_bits)
    return chunk[:first] + pack((modulus - words) % modulus, params.modulus_bits)


TRANSPARENT = {name: params for name, params in PARAMS.items() if params.encryption is Encryption.PUBLIC_KEY}


@pytest.mark.parametrize("params", TRANSPARENT.values(), ids=TRANSPARENT)
def test_a_ciphertext_without_second_polynomial_raises_nothing_of_the_library(params):
    """A client can choose c1 as 0, or as the negative of another's; SEAL refuses such results untyped."""
    count = 9
    (good,) = bench(params).upload(np.arange(count))
    first = packed_bytes(params.coefficients(count), params.modulus_bits)
    empty = good[:first] + bytes(len(good) - first)
    for uploads, weights in (
        ([[empty]], [3]),
        ([[good], [empty]], [1, 3]),
        ([[good], [negative(params, good, count)]], [1, 1]),
    ):
        with suppress(FrameError, DecryptionError):
            bench(params).open(bench(params).add(uploads, weights, count), weights, count)


@fields
def test_values_beyond_the_claimed_weight_or_behind_the_end_are_no_sum(params):
    most = params.max_steps
    sums = bench(params).add([bench(params).upload(np.full(5, most))] * 2, [1, 1], 5)
    with pytest.raises(DecryptionError):
        bench(params).open(sums, [1], 5)
    if params.fields > 1:
        (behind,) = bench(params).upload(np.ones(params.fields, dtype=np.int64))
        sums = bench(params).add([[behind]], [1], params.fields)
        with pytest.raises(DecryptionError):
            bench(params).open(sums, [1], 1)


@slots
def test_values_off_the_grid_beyond_the_weight_or_behind_the_end_are_no_sum(params):
    finer = CkksParams(**{**vars_of(params), "step_bits": params.step_bits + 1})
    half = scheme_of(finer).secret_encryptor(bench(params).secret) if is_shared(params) else None
    ours = bench(params)
    most = params.max_steps
    beyond = ours.add([ours.upload(np.full(5, most)), ours.upload(np.ones(5, dtype=np.int64))], [1, 1], 5)
    with pytest.raises(DecryptionError):
        ours.open(beyond, [1], 5)
    behind = ours.add([ours.upload(np.arange(6))], [1], 6)
    with pytest.raises(DecryptionError):
        ours.open(behind, [1], 5)
    if half is not None:
        off = ours.add([[half.encrypt(np.array([2, 4, 1]))]], [1], 3)
        with pytest.raises(DecryptionError):
            ours.open(off, [1], 3)


def vars_of(params):
    described = {name: value for name, value in params.describe().items() if name != "scheme"}
    return described | {"encryption": params.encryption}


def is_shared(params):
    return params.encryption is Encryption.SHARED_KEY


@rings
def test_decrypted_noise_never_shows(params):
    """Zeros come back as integers, so without sign or size of the noise."""
    opened = bench(params).sum([np.zeros(100, dtype=np.int64)] * 3)
    assert opened.dtype == np.int64
    assert not opened.any()


def test_what_the_library_writes_without_a_seed_is_refused():
    scheme = bench(PARAMS["packed"]).scheme
    (total,) = bench(PARAMS["packed"]).add([bench(PARAMS["packed"]).upload(np.arange(5))], [1], 5)
    saved = memory.saved(scheme.ring.both(memoryview(total), 5))
    with pytest.raises(blobs.UnknownLayoutError, match="no Blake2xb seed"):
        blobs.seeded_parts(saved)
    for bad in (b"\0" * 16, saved[:-1], saved[:5] + b"\1" + saved[6:]):
        with pytest.raises(blobs.UnknownLayoutError, match="unknown layout"):
            blobs.ciphertext_words(bad)


@every
def test_the_library_prints_nothing(params, capfd):
    bench(params).sum([np.arange(params.values_per_chunk) % 7] * 2)
    assert capfd.readouterr() == ("", "")
