import dataclasses

import numpy as np
import pytest

from he import CkksParams, ClientKey, InsecureParametersError, ParametersError, _seal
from he.security import MAX_LOG_Q, security_bits, smallest_degree


def test_defaults_are_secure_and_hold_a_typical_job(params):
    assert params.security_bits == 128
    assert params.slots == 2048
    assert params.step == 2.0**-24
    assert params.capacity >= params.max_clients == 64


def test_security_table_falls_with_the_level_and_grows_with_the_degree():
    for limits in MAX_LOG_Q.values():
        assert sorted(limits.values(), reverse=True) == list(limits.values())
    assert sorted(MAX_LOG_Q) == list(MAX_LOG_Q)
    assert sorted(limits[128] for limits in MAX_LOG_Q.values()) == [v[128] for v in MAX_LOG_Q.values()]


@pytest.mark.parametrize(
    ("log_q", "level"), [(56, 256), (57, 192), (73, 192), (74, 128), (106, 128), (107, 0)]
)
def test_security_level_changes_exactly_at_the_limits(log_q, level):
    assert security_bits(4096, log_q) == level


def test_smallest_degree():
    assert smallest_degree(107) == 8192
    assert smallest_degree(10_000) is None


@pytest.mark.parametrize(("bits", "level"), [((53, 20), 192), ((53, 53), 128)])
def test_special_prime_counts(bits, level):
    assert CkksParams(modulus_bits=bits).security_bits == level


def test_insecure_modulus_is_refused_with_a_way_out():
    # The 2018 standard and SEAL itself accept 109 bits at this degree.
    with pytest.raises(InsecureParametersError, match=r"109 bits.*at most 106 bits or poly_degree=8192"):
        CkksParams(modulus_bits=(54, 55))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"max_clients": 65}, "wrap around, 64 fit; lower max_clients"),
        ({"max_abs": 64.0}, "wrap around, 32 fit"),
        ({"scale_bits": 41}, "wrap around"),
        ({"step_bits": 25}, "exceeds a quarter of the step.*raise scale_bits"),
        ({"scale_bits": 38}, "exceeds a quarter of the step"),
        ({"max_clients": 0}, "must be positive"),
        ({"max_abs": 0.0}, "must be positive"),
        ({"max_abs": float("nan")}, "must be positive"),
        ({"max_abs": float("inf")}, "off the grid"),
        ({"max_abs": 0.1}, "off the grid"),
        ({"poly_degree": 5000}, r"choose among \[1024"),
        ({"modulus_bits": (61, 45)}, "outside 20..60"),
        ({"modulus_bits": (53, 40, 13)}, "not a pair"),
        ({"modulus_bits": [53, 53]}, "not a pair"),
        ({"scale_bits": 40.0}, "not a whole number"),
        ({"max_clients": True}, "not a whole number"),
        ({"step_bits": 40}, "bits out of order"),
    ],
)
def test_unusable_parameters_are_refused_with_the_reason(changes, reason):
    with pytest.raises(ParametersError, match=reason):
        CkksParams(**changes)


def test_parameters_are_frozen(params):
    with pytest.raises(dataclasses.FrozenInstanceError):
        params.max_clients = 1000


def test_hash_names_every_field_and_ignores_spelling(params):
    variants = [
        params,
        CkksParams(max_abs=16.0, max_clients=32),
        CkksParams(poly_degree=8192, max_clients=32),
        CkksParams(modulus_bits=(53, 52)),
        CkksParams(scale_bits=39, max_clients=16),
        CkksParams(step_bits=23, max_clients=32),
        CkksParams(max_clients=32),
    ]
    assert len({p.hash for p in variants}) == len(variants)
    assert CkksParams(max_abs=32).hash == params.hash
    assert len(params.hash) == 32


@pytest.mark.parametrize("clients", [1, 4])
def test_noise_bound_covers_the_measured_noise_but_is_not_idle(key, params, clients):
    values = np.random.default_rng(7).integers(-(2**20), 2**20, params.slots) * params.step
    blobs = [_seal.encrypt_chunk(key._context, values) for _ in range(clients)]
    total = _seal.load_chunk(key._context, blobs[0], params)
    for blob in blobs[1:]:
        total = _seal.add(total, _seal.load_chunk(key._context, blob, params))
    noise = _seal.decrypt_chunk(total) - clients * values
    deviation = np.sqrt(clients * params.slots * 10.75) / 2.0**params.scale_bits
    assert np.abs(noise).max() < params.noise_bound(clients) < params.step / 4
    assert 0.85 * deviation < noise.std() < 1.15 * deviation


def test_library_refusal_is_a_parameters_error():
    class Unchecked(CkksParams):
        def __post_init__(self):
            pass

    with pytest.raises(ParametersError, match="SEAL refuses"):
        ClientKey.generate(Unchecked(modulus_bits=(5, 5)))
