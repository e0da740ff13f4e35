"""Distributed noise: its scale, its norm bound, and what it claims to prove."""

import math
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from gradveil.exchange import InvalidUpdateError
from secagg import FixedPoint, OverflowRefusedError
from secagg.noise import (
    DiscreteGaussianNoise,
    Keystream,
    MissingAccountantError,
    SkellamNoise,
    UnprovableClaimError,
    accounting,
)
from secagg.noise.rounding import round_within, rounded_norm, squared_norm

KINDS = [DiscreteGaussianNoise, SkellamNoise]
FIELDS = {"length": 4000, "clip_norm": 2.0, "sigma": 4.0, "survivors_min": 7, "delta": 1e-6}
each_kind = pytest.mark.parametrize("kind", KINDS)


def made(kind, clients=10, bits=12, **changes):
    return kind.for_(clients, bits, **(FIELDS | changes))


def streams(count):
    return [Keystream(bytes([seed + 1] * 32)) for seed in range(count)]


def noise_of(mechanism, survivors):
    """The noise on the sum of so many zero vectors, in units of the values."""
    zeros = np.zeros(mechanism.length, dtype=np.float32)
    rings = [mechanism.encode(zeros, stream) for stream in streams(survivors)]
    total = np.zeros_like(rings[0])
    for ring in rings:
        total += ring
    return mechanism.encoding.decode(total)


@each_kind
@pytest.mark.parametrize("survivors", [7, 10])
def test_noise_on_the_sum_is_at_least_sigma(kind, survivors):
    total = noise_of(made(kind), survivors)
    assert total[-1] == survivors
    expected = 4.0 * math.sqrt(survivors / 7)
    assert total[:-1].std() == pytest.approx(expected, rel=4 / math.sqrt(2 * 4000))


@each_kind
def test_fewer_survivors_than_promised_are_told_apart(kind):
    assert noise_of(made(kind), 5)[:-1].std() != pytest.approx(4.0, rel=4 / math.sqrt(2 * 4000))


@each_kind
@pytest.mark.parametrize("survivors_min", [1, 7, 10])
def test_a_clients_share_is_scaled_for_the_worst_case(kind, survivors_min):
    mechanism = made(kind, survivors_min=survivors_min)
    in_values = mechanism.client_sigma * mechanism.encoding.step
    assert 1 <= in_values * math.sqrt(survivors_min) / 4.0 < 1.02


@each_kind
def test_the_signal_survives(kind):
    mechanism = made(kind, sigma=0.005, bits=16)
    vector = np.linspace(-0.02, 0.02, 4000, dtype=np.float32)
    decoded = mechanism.encoding.decode(mechanism.encode(vector))
    assert np.abs(decoded[:-1] - vector).max() < 0.01


@each_kind
def test_long_vectors_are_scaled_to_the_norm(kind):
    mechanism = made(kind, sigma=1e-3, bits=20)
    decoded = mechanism.encoding.decode(mechanism.encode(np.full(4000, 3.0, np.float32)))[:-1]
    assert np.linalg.norm(decoded) == pytest.approx(2.0, rel=0.01)


@each_kind
def test_noise_needs_no_repetition(kind):
    mechanism = made(kind)
    vector = np.zeros(4000, dtype=np.float32)
    assert np.any(mechanism.encode(vector) != mechanism.encode(vector))
    np.testing.assert_array_equal(*(mechanism.encode(vector, *streams(1)) for _ in range(2)))


@given(
    st.integers(2, 16),
    st.sampled_from(["nearest", "stochastic"]),
    st.integers(1, 300),
    st.floats(1e-3, 100),
    st.integers(0, 2**32 - 1),
)
def test_the_norm_bound_is_kept(bits, rounding, length, spread, seed):
    encoding = FixedPoint(1.0, 1, 1, 32, rounding, bits)
    rng = np.random.default_rng(seed)
    vector = rng.normal(0, spread, length).astype(np.float32)
    counts = round_within(vector, 1.0, encoding, rng)
    limit = rounded_norm(1 / encoding.step, length, rounding)
    assert squared_norm(counts) == sum(int(count) ** 2 for count in counts) <= limit**2


class AlwaysUp:
    """A source of rounding that pushes every positive value up, as an unlucky draw might."""

    class bit_generator:  # noqa: N801
        @staticmethod
        def random_raw(count):
            return np.zeros(count, dtype=np.uint64)


def test_unlucky_rounding_is_cut_towards_zero():
    encoding, vector = FixedPoint(1.0, 1, 1, 32, "stochastic", 8), np.full(10_000, 1e-4, np.float32)
    counts = encoding.quantise(vector, AlwaysUp())
    assert squared_norm(counts) > rounded_norm(127 * 0.01, 10_000, "stochastic") ** 2
    assert not round_within(vector, 0.01, encoding, AlwaysUp()).any()


def test_the_bound_on_rounding_is_the_papers():
    likely = math.sqrt(100**2 + 64 / 4 + math.sqrt(2 * 0.5) * (100 + 4))
    assert rounded_norm(100, 64, "stochastic") == pytest.approx(likely, rel=2e-6)
    assert rounded_norm(1e-9, 1, "stochastic") == pytest.approx(math.sqrt(0.75), rel=2e-6)
    assert rounded_norm(100, 64, "nearest") == pytest.approx(104, rel=2e-6)


def divergence(mass, shift, order):
    """Renyi divergence of a distribution (m,) from itself moved by `shift`; tails below 1e-250 left out."""
    first, second = mass[shift:], mass[:-shift]
    kept = (first > 1e-250) & (second > 1e-250)
    logs = order * np.log(first[kept]) + (1 - order) * np.log(second[kept])
    return float(special.logsumexp(logs)) / (order - 1)


def gaussian_sum_mass(sigma, clients):
    one = np.exp(-(np.arange(-80, 81) ** 2) / (2 * sigma**2))
    mass = np.ones(1)
    for _ in range(clients):
        mass = np.convolve(mass, one / one.sum())
    return mass


@pytest.mark.parametrize("order", [1.5, 2, 4, 8])
@pytest.mark.parametrize(("sigma", "clients"), [(0.6, 3), (1.0, 5), (2.0, 4)])
def test_the_bound_covers_sums_of_discrete_gaussians(sigma, clients, order):
    exact = divergence(gaussian_sum_mass(sigma, clients), 1, order)
    bound = accounting.gaussian_sum(1.0, sigma, clients, 1)(order)
    assert exact <= bound * (1 + 1e-9)
    assert sigma < 1 or exact > 0.95 * bound


@pytest.mark.parametrize("order", [1.5, 2, 4, 8])
@pytest.mark.parametrize(("variance", "shift"), [(4.0, 1), (25.0, 2), (100.0, 5)])
def test_the_bound_covers_skellam(variance, shift, order):
    mass = special.ive(np.abs(np.arange(-150, 151)), variance)
    exact, bound = divergence(mass, shift, order), accounting.skellam(shift, variance, 1)(order)
    assert 0.5 * bound < exact <= bound


@pytest.mark.parametrize("order", [2, 3, 8, 20])
@pytest.mark.parametrize("rate", [0.01, 0.3])
def test_the_bound_covers_sampling(rate, order):
    sigma = 2.0
    axis = np.linspace(-60, 60, 240_001)
    without = np.exp(-(axis**2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))
    mixed = (1 - rate) + rate * np.exp((2 * axis - 1) / (2 * sigma**2))
    exact = math.log((mixed**order * without).sum() / 2000) / (order - 1)

    def gaussian(alpha):
        return alpha / (2 * sigma**2)

    bound = accounting.sampled(gaussian, rate)(order)
    assert exact <= bound * (1 + 1e-9) + 1e-12
    assert bound <= min(3 * exact + 1e-12, gaussian(order))


@each_kind
def test_the_accountant_is_optional(kind, monkeypatch):
    monkeypatch.setitem(sys.modules, "dp_accounting", None)
    monkeypatch.setitem(sys.modules, "dp_accounting.rdp", None)
    mechanism = made(kind)
    mechanism.encode(np.zeros(4000, dtype=np.float32))
    with pytest.raises(MissingAccountantError, match="pip install dp-accounting"):
        _ = mechanism.claim


@pytest.fixture
def central():
    """Epsilon of the central Gaussian mechanism, by the package's own accountant."""
    package = pytest.importorskip("dp_accounting")

    def epsilon(noise_multiplier, rounds=1, rate=1.0):
        event = package.GaussianDpEvent(noise_multiplier)
        event = package.PoissonSampledDpEvent(rate, event) if rate < 1 else event
        accountant = package.rdp.RdpAccountant()
        return accountant.compose(event, rounds).get_epsilon(1e-6)

    return epsilon


@each_kind
@pytest.mark.parametrize("multiplier", [1.0, 4.0])
@pytest.mark.parametrize("rounds", [1, 30])
def test_the_claim_nears_the_central_gaussian(kind, multiplier, rounds, central):
    claim = made(kind, sigma=2.0 * multiplier, bits=16, rounds=rounds).claim
    assert 0.999 < claim.epsilon / central(multiplier, rounds) < 1.01


@each_kind
def test_coarse_steps_cost_privacy(kind, central):
    assert made(kind, bits=4).claim.epsilon > 1.5 * central(2.0)


@each_kind
def test_sampling_amplifies_but_no_more_than_for_a_gaussian(kind, central):
    claim = made(kind, bits=16, rounds=500, sampling_rate=0.01).claim
    tight = central(2.0, 500, 0.01)
    assert tight < claim.epsilon < 2 * tight < central(2.0, 500) / 10


@each_kind
def test_the_claim_names_all_it_rests_on(kind):
    pytest.importorskip("dp_accounting")
    mechanism = made(kind, rounds=3, sampling_rate=0.5)
    claim = mechanism.claim
    assert (claim.delta, claim.sampling_rate, claim.rounds, claim.survivors_min) == (1e-6, 0.5, 3, 7)
    assert claim.norm_bound == mechanism.norm_bound > 2.0
    assert mechanism.claim is claim


def test_noise_below_the_theorem_proves_nothing():
    with pytest.raises(UnprovableClaimError, match="use more bits"):
        _ = made(DiscreteGaussianNoise, bits=2, sigma=0.1).renyi


@each_kind
def test_all_noise_fits_the_ring(kind):
    mechanism = made(kind, clients=50)
    room = 2 ** (mechanism.encoding.modulus_bits - 1) - 1
    spread = mechanism.client_sigma * math.sqrt(50)
    assert 50 * mechanism.encoding.levels + 9.8 * spread <= room
    narrow = replace(mechanism.encoding, modulus_bits=mechanism.encoding.modulus_bits - 1)
    with pytest.raises(OverflowRefusedError, match=f"modulus_bits={mechanism.encoding.modulus_bits}"):
        replace(mechanism, encoding=narrow)


@each_kind
@pytest.mark.parametrize(
    ("encoding", "advice"),
    [
        (FixedPoint(2.0, 10, 3, bits=12), "max_weight=1"),
        (FixedPoint(2.0, 10, 1, 64), "at most 25 bits"),
        (FixedPoint(2.0, 10, 1, 16, bits=12), "set bits and modulus_bits="),
    ],
    ids=["weights", "levels", "no room"],
)
def test_rings_without_room_for_a_claim_are_refused(kind, encoding, advice):
    with pytest.raises(OverflowRefusedError, match=advice):
        kind(encoding, **FIELDS)


@each_kind
@pytest.mark.parametrize(
    "change",
    [
        {"survivors_min": 0},
        {"survivors_min": 11},
        {"delta": 0.0},
        {"delta": 1.0},
        {"rounds": 0},
        {"sampling_rate": 0.0},
        {"sampling_rate": 1.1},
        {"sigma": 0.0},
        {"sigma": float("nan")},
        {"clip_norm": 0.0},
        {"length": 0},
    ],
    ids=str,
)
def test_parameters_without_meaning_are_refused(kind, change):
    with pytest.raises(UnprovableClaimError):
        replace(made(kind), **change)


@each_kind
@pytest.mark.parametrize(
    "vector",
    [np.zeros(3999, np.float32), np.zeros(4000), np.full(4000, np.nan, np.float32)],
    ids=["short", "float64", "nan"],
)
def test_other_vectors_are_refused(kind, vector):
    with pytest.raises(InvalidUpdateError):
        made(kind).encode(vector)
