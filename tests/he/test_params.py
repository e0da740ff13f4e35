import dataclasses
import json
import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from he import (
    CapacityError,
    CkksParams,
    Encryption,
    InsecureParametersError,
    PackedParams,
    ParametersError,
    Params,
    TensealVectorParams,
)
from he.params import MAX_VALUES, from_description
from he.schemes import scheme_of
from he.security import LEVELS, MAX_LOG_Q, security_bits, smallest_degree
from tests.he.conftest import PARAMS

FRAMEWORKS = {name: getattr(TensealVectorParams, name)() for name in ("nvflare", "maskcrypt", "fedml_he")}
ALL = PARAMS | FRAMEWORKS
each = pytest.mark.parametrize("params", ALL.values(), ids=ALL)
rings = pytest.mark.parametrize("params", PARAMS.values(), ids=PARAMS)
kinds = pytest.mark.parametrize("kind", [PackedParams, CkksParams])
ways = pytest.mark.parametrize("encryption", list(Encryption))

# eprint 2024/463, Table 5.2, typed here a second time.
TABLE = [
    (1024, 128, 26),
    (2048, 128, 53),
    (2048, 192, 36),
    (2048, 256, 27),
    (4096, 128, 106),
    (4096, 192, 73),
    (4096, 256, 56),
    (8192, 128, 214),
    (8192, 192, 147),
    (8192, 256, 114),
    (16384, 128, 430),
    (16384, 192, 297),
    (16384, 256, 230),
    (32768, 128, 868),
    (32768, 192, 597),
    (32768, 256, 462),
]


def chain(degree, bits):
    """Primes of 30 to 60 bits that add up to these bits, in a set of tenseal's parameters."""
    number = -(-bits // 60)
    primes = [bits // number + (place < bits % number) for place in range(number)]
    return lambda: TensealVectorParams(poly_degree=degree, modulus_bits=tuple(primes), max_clients=1)


def build(kind, **changes):
    try:
        return kind(**changes)
    except ParametersError:
        return None


def test_the_table_is_the_published_one():
    rows = [(degree, level, bits) for degree, row in MAX_LOG_Q.items() for level, bits in row.items()]
    assert sorted(rows) == TABLE


@pytest.mark.parametrize(("degree", "level", "limit"), TABLE)
def test_one_bit_more_than_a_row_is_the_next_lower_level(degree, level, limit):
    below = {128: 0, 192: 128, 256: 192}[level]
    assert security_bits(degree, limit) == level
    assert security_bits(degree, limit + 1) == below


@pytest.mark.parametrize(
    ("degree", "limit"), [(row[0], row[2]) for row in TABLE if row[1] == 128 and row[0] >= 4096]
)
def test_parameters_end_at_the_table(degree, limit):
    assert chain(degree, limit)().security_bits == 128
    with pytest.raises(InsecureParametersError, match=f"use at most {limit} bits"):
        chain(degree, limit + 1)()


@pytest.mark.parametrize("kind", [PackedParams, CkksParams])
def test_one_prime_ends_at_the_table(kind):
    fields = {"step_bits": 10, "max_abs": 1.0, "max_clients": 4, "poly_degree": 2048}
    fields |= {"fields": 1} if kind is PackedParams else {"scale_bits": 40}
    assert kind(modulus_bits=53, **fields).security_bits == 128
    # SEAL and the standard of 2018 accept 54 bits.
    with pytest.raises(
        InsecureParametersError, match=r"54 bits.*at most 53 bits or poly_degree=4096.*Table 5.2"
    ):
        kind(modulus_bits=54, **fields)
    small = (
        fields | {"poly_degree": 1024} | ({"scale_bits": 24} if kind is CkksParams else {"field_bits": 14})
    )
    with pytest.raises(InsecureParametersError, match="at most 26 bits or poly_degree=2048"):
        kind(modulus_bits=30, **small)


def test_smallest_degree():
    assert smallest_degree(107) == 8192
    assert smallest_degree(10_000) is None


@each
def test_defaults_are_secure_and_carry_their_clients(params):
    assert params.security_bits in LEVELS
    assert min(params.capacity, params.noise_capacity) >= params.max_clients == 64


def test_the_frameworks_settings_are_theirs():
    shown = {
        name: (p.poly_degree, p.modulus_bits, p.scale_bits, p.encryption) for name, p in FRAMEWORKS.items()
    }
    assert shown == {
        "nvflare": (8192, (60, 40, 40), 40, "shared-key"),
        "maskcrypt": (8192, (60, 40, 40, 60), 40, "public-key"),
        "fedml_he": (8192, (60, 52, 60), 52, "public-key"),
    }


COMMON = [
    ({"max_clients": 0}, "max_clients outside"),
    ({"max_clients": 2**16}, "max_clients outside"),
    ({"max_clients": True}, "not a whole number"),
    ({"max_clients": 4.0}, "not a whole number"),
    ({"max_abs": 0.0}, "max_abs not positive"),
    ({"max_abs": -1.0}, "max_abs not positive"),
    ({"max_abs": 1}, "no finite float"),
    ({"max_abs": math.nan}, "no finite float"),
    ({"max_abs": math.inf}, "no finite float"),
    ({"max_abs": np.float32(1)}, "no finite float"),
    ({"max_abs": 0.1}, "off the grid"),
    ({"max_abs": 1e308}, "off the grid|wrap around"),
    ({"step_bits": 61}, "outside -60"),
    ({"step_bits": -61}, "outside -60"),
    ({"step_bits": 10.0}, "not a whole number"),
    ({"poly_degree": 5000}, "choose among"),
    ({"poly_degree": "4096"}, "not a whole number"),
    ({"modulus_bits": 29}, "choose 30 to 60"),
    ({"modulus_bits": 61}, "choose 30 to 60"),
    ({"modulus_bits": "54"}, "not a whole number"),
    ({"modulus_bits": (54,)}, "not a whole number"),
    ({"encryption": "shared-key"}, "encryption is unknown"),
    ({"encryption": None}, "encryption is unknown"),
]
PACKED = [
    ({"fields": 0}, "1 to 3"),
    ({"fields": 4}, "1 to 3"),
    ({"fields": 2.0}, "whole number|1 to 3"),
    ({"fields": True}, "whole number|1 to 3"),
    ({"field_bits": 1}, "at least 2"),
    ({"field_bits": -3}, "at least 2"),
    ({"field_bits": 23.0}, "whole number|at least 2"),
    ({"field_bits": "23"}, "whole number|at least 2"),
    ({"field_bits": 28}, "no room for noise"),
    ({"field_bits": 2**40}, "no room for noise"),
    ({"max_clients": 128}, "wrap around, 127 fit"),
    ({"max_abs": 2.0}, "wrap around, 63 fit"),
    ({"max_clients": 122}, "noise of 122 clients"),
    ({"field_bits": 24}, "noise of 64 clients"),
    ({"encryption": Encryption.PUBLIC_KEY}, "noise of 64 clients.* 0 fit"),
]
CKKS = [
    ({"scale_bits": 24}, "scale_bits must lie above"),
    ({"scale_bits": 61}, "scale_bits must lie above"),
    ({"scale_bits": 41.0}, "scale_bits must lie above"),
    ({"scale_bits": True}, "scale_bits must lie above"),
    ({"step_bits": 42}, "scale_bits must lie above"),
    ({"max_clients": 91}, "wrap around, 90 fit"),
    ({"max_abs": 64.0}, "wrap around, 45 fit"),
    ({"scale_bits": 42}, "wrap around, 45 fit"),
    ({"scale_bits": 40}, "noise of 64 clients"),
    ({"step_bits": 25}, "noise of 64 clients"),
    ({"encryption": Encryption.PUBLIC_KEY}, "noise of 64 clients.* 0 fit"),
]
CHAINS = [
    ({"modulus_bits": (60,)}, "give at least two"),
    ({"modulus_bits": [60, 40]}, "give at least two"),
    ({"modulus_bits": (60, 40, 40.0)}, "not a whole number"),
    ({"modulus_bits": (60, 20, 60)}, "choose 30 to 60"),
    ({"modulus_bits": (60,) * 4}, "240 bits"),
]
REFUSED = [
    *((kind, *case) for kind in (PackedParams, CkksParams) for case in COMMON),
    *((PackedParams, *case) for case in PACKED),
    *((CkksParams, *case) for case in CKKS),
    *((TensealVectorParams, *case) for case in CHAINS),
]


@pytest.mark.parametrize(
    ("kind", "changes", "reason"), REFUSED, ids=[f"{kind.scheme}-{changes}" for kind, changes, _ in REFUSED]
)
def test_unusable_parameters_are_refused_with_the_reason(kind, changes, reason):
    with pytest.raises(ParametersError, match=reason):
        kind(**changes)


@each
def test_a_description_survives_json_and_keeps_its_hash(params):
    again = from_description(json.loads(json.dumps(params.describe())))
    assert again == params
    assert type(again) is type(params)
    assert again.hash == params.hash
    assert len(params.hash) == 32


@pytest.mark.parametrize(
    "described",
    [
        {},
        {"scheme": "bfv"},
        {"scheme": ["packed"]},
        {"scheme": None},
        {"scheme": "packed", "secret": 1},
        {"scheme": "packed", "modulus_bits": [54, 40]},
        {"scheme": "packed", "fields": 2.0},
        {"scheme": "packed", "field_bits": None},
        {"scheme": "packed", "poly_degree": [4096]},
        {"scheme": "packed", "max_abs": 10**400},
        {"scheme": "packed", "encryption": "none"},
        {"scheme": "packed", "encryption": []},
        {"scheme": "packed", "step_bits": 10**30},
        {"scheme": "packed", 5: 5},
        {"scheme": "ckks", "fields": 2},
        {"scheme": "ckks", "scale_bits": {}},
        {"scheme": "ckks", "scale_bits": 10**30},
        {"scheme": "tenseal-vector", "modulus_bits": 60},
        {"scheme": "tenseal-vector", "modulus_bits": "60"},
        {"scheme": "tenseal-vector", "modulus_bits": [60] * 100_000},
    ],
    ids=lambda described: str(described)[:60],
)
def test_hostile_descriptions_are_typed_errors(described):
    with pytest.raises(ParametersError):
        from_description(described)


def test_an_insecure_description_is_named_as_such():
    described = CkksParams().describe() | {"poly_degree": 2048}
    with pytest.raises(InsecureParametersError):
        from_description(described)


CHANGES = [
    (PackedParams, {}),
    (PackedParams, {"poly_degree": 8192}),
    (PackedParams, {"step_bits": 14}),
    (PackedParams, {"max_abs": 0.5}),
    (PackedParams, {"max_clients": 32}),
    (PackedParams, {"modulus_bits": 57}),
    (PackedParams, {"fields": 1}),
    (PackedParams, {"field_bits": 22, "max_clients": 60}),
    (PackedParams, {"fields": 1, "encryption": Encryption.PUBLIC_KEY}),
    (CkksParams, {}),
    (CkksParams, {"poly_degree": 8192, "max_clients": 32}),
    (CkksParams, {"step_bits": 23}),
    (CkksParams, {"max_abs": 16.0}),
    (CkksParams, {"max_clients": 32}),
    (CkksParams, {"modulus_bits": 55}),
    (CkksParams, {"scale_bits": 40, "step_bits": 20}),
    (CkksParams, {"step_bits": 20}),
    (TensealVectorParams, {}),
    (TensealVectorParams, {"modulus_bits": (60, 40, 41)}),
]


def test_the_hash_names_every_choice():
    hashes = [kind(**changes).hash for kind, changes in CHANGES]
    assert len(set(hashes)) == len(hashes)


@each
def test_parameters_are_frozen(params):
    with pytest.raises(dataclasses.FrozenInstanceError):
        params.max_clients = 1000


@each
def test_number_of_values_is_bounded(params):
    assert params.chunks(1) == params.chunks(params.values_per_chunk) == 1
    assert params.chunks(params.values_per_chunk + 1) == 2
    assert params.chunks(MAX_VALUES) == -(-MAX_VALUES // params.values_per_chunk)
    for count in (0, -1, MAX_VALUES + 1):
        with pytest.raises(CapacityError, match="split the vector"):
            params.chunks(count)


@each
def test_weights_and_squares_have_limits(params):
    params.require_room(params.max_clients, min(params.noise_capacity, params.max_clients**2))
    with pytest.raises(CapacityError, match="weights add up to 65, max_clients is 64"):
        params.require_room(65, 65)
    with pytest.raises(CapacityError, match=f"squared weights .* {params.noise_capacity} fit"):
        params.require_room(64, params.noise_capacity + 1)


@each
def test_a_claimed_capacity_is_the_last_that_fits(params):
    """Independent of how it is computed: as integers for fields, as a bound on coefficients for slots."""
    steps = params.max_steps
    if isinstance(params, PackedParams):
        last = 2 ** (params.field_bits - 1) - 1
        assert params.capacity * steps <= last < (params.capacity + 1) * steps
        return
    modulus = math.prod(2**bits for bits in params.data_primes)
    slot = params.max_abs * (math.sqrt(2) if isinstance(params, CkksParams) else 1)
    assert params.capacity * slot * 2.0**params.scale_bits < modulus / 2
    assert params.noise_bound(params.max_clients, params.noise_capacity) <= params.step / 4
    assert params.noise_bound(params.max_clients, params.noise_capacity + 2) > params.step / 4


@each
def test_error_bound_is_half_a_step_for_each_client(params):
    assert params.error_bound(10) == 5 * params.step
    assert params.max_steps * params.step == params.max_abs


@rings
def test_primes_of_the_library_are_not_below_their_bound(params):
    modulus = scheme_of(params).ring.modulus
    assert 2**params.modulus_bits * (1 - 2**-8) <= modulus < 2**params.modulus_bits
    assert modulus % (2 * params.poly_degree) == 1


def least_packed(clients, value_range, precision, security, encryption):
    """Bits a value of the cheapest choice, by trying all."""
    step_bits = next(bits for bits in range(-60, 61) if 2.0**-bits <= value_range / 2**precision)
    max_abs = math.ceil(value_range * 2**step_bits) / 2**step_bits
    width = next(bits for bits in range(2, 60) if 2 ** (bits - 1) > clients * max_abs * 2**step_bits)
    common = {"step_bits": step_bits, "max_abs": max_abs, "max_clients": clients, "encryption": encryption}
    tried = product((4096, 8192), (1, 2, 3), range(width, width + 2), range(30, 61))
    names = ("poly_degree", "fields", "field_bits", "modulus_bits")
    built = [build(PackedParams, **common, **dict(zip(names, choice, strict=True))) for choice in tried]
    return min(p.modulus_bits / p.fields for p in built if p is not None and p.security_bits >= security)


def least_ckks(clients, value_range, precision, security, encryption):
    step_bits = next(bits for bits in range(-60, 61) if 2.0**-bits <= value_range / 2**precision)
    max_abs = math.ceil(value_range * 2**step_bits) / 2**step_bits
    common = {"step_bits": step_bits, "max_abs": max_abs, "max_clients": clients, "encryption": encryption}
    tried = product((4096, 8192), range(step_bits + 1, 61), range(30, 61))
    names = ("poly_degree", "scale_bits", "modulus_bits")
    built = [build(CkksParams, **common, **dict(zip(names, choice, strict=True))) for choice in tried]
    return min(p.modulus_bits for p in built if p is not None and p.security_bits >= security)


@ways
@pytest.mark.parametrize("security", [128, 256])
@pytest.mark.parametrize(("clients", "precision"), [(1, 4), (2, 16), (5, 9), (64, 12), (100, 17)])
@pytest.mark.parametrize("value_range", [0.3, 4.0])
def test_for_gives_the_cheapest_packed_parameters(clients, value_range, precision, security, encryption):
    asked = {"clients": clients, "value_range": value_range, "precision_bits": precision}
    found = PackedParams.for_(**asked, security=security, encryption=encryption)
    least = least_packed(clients, value_range, precision, security, encryption)
    assert found.modulus_bits / found.fields == least
    assert found.security_bits >= security
    count = 10 * found.values_per_chunk
    assert found.sum_bytes(count) == pytest.approx(count * least / 4, rel=1e-9)


@ways
@pytest.mark.parametrize(("clients", "precision", "security"), [(2, 10, 256), (64, 20, 128)])
def test_for_gives_the_cheapest_ckks_parameters(clients, precision, security, encryption):
    asked = {"clients": clients, "value_range": 1.5, "precision_bits": precision}
    found = CkksParams.for_(**asked, security=security, encryption=encryption)
    assert found.modulus_bits == least_ckks(clients, 1.5, precision, security, encryption)


@given(
    kind=st.sampled_from([PackedParams, CkksParams]),
    clients=st.integers(1, 300),
    value_range=st.floats(1e-3, 1e3),
    precision=st.integers(1, 16),
    encryption=st.sampled_from(Encryption),
)
def test_for_does_what_is_asked(kind, clients, value_range, precision, encryption):
    asked = {"clients": clients, "value_range": value_range, "encryption": encryption}
    try:
        found = kind.for_(**asked, precision_bits=precision)
    except ParametersError as error:
        offered = int(str(error).split("lower precision_bits to ")[1].split(",")[0])
        assert offered < precision
        found, precision = kind.for_(**asked, precision_bits=offered), offered
        assert build_for(kind, asked, offered + 1) is None
    assert found.max_abs >= value_range > found.max_abs - found.step
    assert found.step <= value_range / 2**precision * (1 + 1e-12) < 2 * found.step * (1 + 1e-12)
    assert found.max_clients == clients
    assert found.encryption is encryption
    assert found.security_bits >= 128


def build_for(kind, asked, precision):
    try:
        return kind.for_(**asked, precision_bits=precision)
    except ParametersError:
        return None


@kinds
@ways
def test_for_names_a_precision_that_works(kind, encryption):
    asked = {"clients": 500, "value_range": 1.0, "encryption": encryption}
    with pytest.raises(ParametersError, match="lower precision_bits to") as caught:
        kind.for_(**asked, precision_bits=40)
    offered = int(str(caught.value).split("lower precision_bits to ")[1].split(",")[0])
    assert kind.for_(**asked, precision_bits=offered).step == 2.0**-offered


@kinds
@pytest.mark.parametrize("clients", [2**16, 10**9])
def test_for_says_that_clients_are_too_many(kind, clients):
    with pytest.raises(ParametersError, match="split"):
        kind.for_(clients=clients, value_range=1.0, precision_bits=8)


@kinds
@pytest.mark.parametrize(
    "changes",
    [
        {"clients": 0},
        {"clients": -3},
        {"clients": 2.5},
        {"clients": True},
        {"value_range": 0.0},
        {"value_range": -1.0},
        {"value_range": math.nan},
        {"value_range": math.inf},
        {"precision_bits": 0},
        {"precision_bits": -1},
        {"precision_bits": 8.5},
        {"precision_bits": 2000},
        {"security": 100},
        {"security": 0},
    ],
    ids=str,
)
def test_for_does_not_blame_the_number_of_clients_for_nonsense(kind, changes):
    with pytest.raises(ParametersError) as caught:
        kind.for_(**{"clients": 4, "value_range": 1.0, "precision_bits": 8} | changes)
    assert "too many" not in str(caught.value)


@kinds
@pytest.mark.parametrize("value_range", [1e-300, 1e300, 5e-324])
def test_for_refuses_values_beyond_every_grid(kind, value_range):
    with pytest.raises(ParametersError):
        kind.for_(clients=4, value_range=value_range, precision_bits=8)


def test_for_has_no_choice_among_the_frameworks_settings():
    with pytest.raises(ParametersError, match=r"use CkksParams\.for_"):
        TensealVectorParams.for_(clients=4, value_range=1.0, precision_bits=8)


def test_what_the_library_cannot_build_is_a_parameters_error():
    class Unchecked(PackedParams):
        def __post_init__(self):
            pass

    class Unknown(Params):
        pass

    with pytest.raises(ParametersError, match="SEAL refuses"):
        scheme_of(Unchecked(modulus_bits=5))
    with pytest.raises(ParametersError, match="SEAL refuses"):
        scheme_of(Unchecked(modulus_bits=40, fields=1, field_bits=61))
    Unknown.__abstractmethods__ = frozenset()
    unknown = object.__new__(Unknown)
    for name, value in (("step_bits", 1), ("max_abs", 1.0), ("max_clients", 1)):
        object.__setattr__(unknown, name, value)
    with pytest.raises(ParametersError, match="has no scheme"):
        scheme_of(unknown)
