"""Noise has the distribution it claims, to the resolution of a chi-square test, and comes from AES."""

import pickle

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from scipy import special, stats

from secagg import OverflowRefusedError, ProtocolError, SecretExposedError
from secagg.noise import gaussian, skellam
from secagg.noise.keystream import Keystream

KEY = bytes(range(32))
COUNT = 60_000


def p_value(samples, mass):
    """Of Pearson's chi-square test; `mass` maps integers (m,) to probabilities."""
    values = np.arange(-60, 61)
    expected = mass(values) * samples.size
    kept = expected > 10
    observed = np.array([np.count_nonzero(samples == value) for value in values[kept]])
    expected = np.append(expected[kept], samples.size - expected[kept].sum())
    observed = np.append(observed, samples.size - observed.sum())
    statistic = ((observed - expected) ** 2 / np.maximum(expected, 1e-9))[expected > 1].sum()
    return stats.chi2.sf(statistic, np.count_nonzero(expected > 1) - 1)


def gaussian_mass(sigma):
    total = np.exp(-(np.arange(-400, 401) ** 2) / (2 * sigma**2)).sum()
    return lambda values: np.exp(-(values**2) / (2 * sigma**2)) / total


def skellam_mass(variance):
    return lambda values: special.ive(np.abs(values), variance)


GAUSSIANS = [gaussian.DiscreteGaussian(*sigma) for sigma in [(20, 64), (1, 2), (1, 1), (84, 64), (7, 1)]]
SKELLAMS = [skellam.Skellam(parts) for parts in (1, 16, 64, 109, 3136)]


@pytest.mark.parametrize("sampler", GAUSSIANS, ids=str)
def test_discrete_gaussian(sampler):
    samples = sampler.sample(COUNT, Keystream(KEY))
    assert p_value(samples, gaussian_mass(sampler.sigma)) > 1e-3


@pytest.mark.parametrize("sampler", GAUSSIANS[1:], ids=str)
def test_another_sigma_is_told_apart(sampler):
    samples = sampler.sample(COUNT, Keystream(KEY))
    assert p_value(samples, gaussian_mass(sampler.sigma * 1.03)) < 1e-3


def test_a_rounded_gaussian_is_told_apart():
    rounded = np.rint(np.random.default_rng(1).normal(0, 1, COUNT)).astype(np.int64)
    assert p_value(rounded, gaussian_mass(1.0)) < 1e-3


@pytest.mark.parametrize("sampler", SKELLAMS, ids=str)
def test_skellam(sampler):
    samples = sampler.sample(COUNT, Keystream(KEY))
    assert p_value(samples, skellam_mass(sampler.sigma**2)) > 1e-3


@pytest.mark.parametrize("sampler", SKELLAMS[1:], ids=str)
def test_another_variance_is_told_apart(sampler):
    samples = sampler.sample(COUNT, Keystream(KEY))
    assert p_value(samples, skellam_mass(sampler.sigma**2 * 1.1)) < 1e-3


def test_skellam_equals_the_difference_of_poissons():
    rng = np.random.default_rng(2)
    difference = rng.poisson(2.0, COUNT) - rng.poisson(2.0, COUNT)
    assert p_value(difference, skellam_mass(4.0)) > 1e-3
    assert skellam.Skellam.at_least(2.0).sigma == 2.0


@pytest.mark.parametrize(
    "sampler",
    [
        gaussian.DiscreteGaussian.at_least(3000.5),
        gaussian.DiscreteGaussian.at_least(2.0**29),
        skellam.Skellam.at_least(3000.5),
        skellam.Skellam.at_least(20_000.0),
    ],
    ids=str,
)
def test_large_noise_has_the_moments_of_a_gaussian(sampler):
    scaled = sampler.sample(COUNT, Keystream(KEY)) / sampler.sigma
    assert stats.kstest(scaled, "norm").pvalue > 1e-3
    assert stats.kstest(scaled * 1.05, "norm").pvalue < 1e-3


@pytest.mark.parametrize("kind", [gaussian.DiscreteGaussian, skellam.Skellam])
@pytest.mark.parametrize("sigma", [0.2, 1.0, 3.3, 63.99, 64.0, 1000.1, 20_000.7])
def test_sigma_is_rounded_up_a_little(kind, sigma):
    found = kind.at_least(sigma).sigma
    assert sigma <= found * (1 + 1e-15)
    assert found <= sigma * (1 + 1 / 64) + 1 / 64


@pytest.mark.parametrize("sigma", [0.0, -1.0, float("nan"), float("inf"), 2.0**30])
@pytest.mark.parametrize("kind", [gaussian.DiscreteGaussian, skellam.Skellam])
def test_impossible_sigmas_are_refused(kind, sigma):
    with pytest.raises(OverflowRefusedError, match="out of range"):
        kind.at_least(sigma)


@pytest.mark.parametrize("make", [lambda: gaussian.DiscreteGaussian(0), lambda: skellam.Skellam(0)])
def test_no_noise_is_no_sampler(make):
    with pytest.raises(OverflowRefusedError, match="out of range"):
        make()


@pytest.mark.parametrize("fraction", [0, 1, 3, 7, 8])
def test_bernoulli_of_exp(fraction):
    hits = gaussian.bernoulli_exp(np.full(COUNT, fraction, dtype=np.uint64), 8, Keystream(KEY)).mean()
    chance = np.exp(-fraction / 8)
    assert abs(hits - chance) <= 4 * np.sqrt(chance * (1 - chance) / COUNT)


def test_the_largest_numbers_do_not_wrap():
    base = 2**29
    distances = np.repeat(np.arange(1, 5, dtype=np.uint64) * np.uint64(base) - np.uint64(1), COUNT)
    hits = gaussian._exp_of_half_square(distances, base, Keystream(KEY)).reshape(4, -1).mean(axis=1)
    chance = np.exp(-(np.arange(1, 5) ** 2) / 2)
    assert np.all(np.abs(hits - chance) <= 4 * np.sqrt(chance / COUNT))


class Rigged(Keystream):
    """Hands out chosen words."""

    def __init__(self, words):
        self._left = list(words)

    def words(self, count):
        taken, self._left = self._left[:count], self._left[count:]
        return np.array(taken, dtype=np.uint64)


def test_lower_bits_decide_ties():
    sampler = skellam.Skellam.at_least(1.0)
    high, low = sampler._table
    at = int(np.searchsorted(high, 2**63))
    below = sampler.sample(1, Rigged([high[at], low[at] - np.uint64(1)]))
    above = sampler.sample(1, Rigged([high[at], low[at]]))
    assert above - below == 1
    lowest, higher = (sampler.sample(1, Rigged([0, word])) for word in (0, 2**64 - 1))
    assert lowest < higher < -8


def test_rejection_keeps_small_numbers_fair():
    bound = 3 * 2**61  # the last run of 2^64 words is incomplete
    words = [2**64 - 1, bound * 2, 7]
    assert Rigged([*words[:2], 5, 6]).below(bound, 2).tolist() == [5, 6]
    assert Rigged([bound - 1, bound]).below(bound, 2).tolist() == [bound - 1, 0]


def test_powers_of_two_reject_nothing():
    assert Rigged([2**64 - 1, 2**63]).below(2**63, 2).tolist() == [2**63 - 1, 0]
    assert Keystream(KEY).below(1, 3).tolist() == [0, 0, 0]


def test_words_are_the_aes_counter_keystream():
    encrypt = Cipher(algorithms.AES(KEY), modes.ECB()).encryptor()  # noqa: S305
    blocks = b"".join(encrypt.update(counter.to_bytes(16)) for counter in range(4))
    stream = Keystream(KEY)
    assert stream.words(3).tobytes() + stream.words(5).tobytes() == blocks


def test_fresh_streams_differ_and_stay_secret():
    assert Keystream().words(2).tolist() != Keystream().words(2).tolist()
    with pytest.raises(SecretExposedError):
        pickle.dumps(Keystream())


def test_short_keys_are_refused():
    with pytest.raises(ProtocolError, match="32 random ones"):
        Keystream(b"short")
