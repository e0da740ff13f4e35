"""No defense sends the update as it is; noise has the standard deviation it says."""

import math

import numpy as np
import pytest
from scipy import stats

from gradveil.defenses import DefenseError, Gaussian, Identity
from gradveil.exchange import GaussianNoise, Knowledge, Layout, Update, observe

LAYOUT = Layout(("w",), ((20_000,),))
STD = 0.05


def update(weight=3):
    vector = np.random.default_rng(0).standard_normal(LAYOUT.size, dtype=np.float32)
    return Update(LAYOUT, vector, weight)


def protected(defense, sent, seed=0):
    return defense.open(["ann"], LAYOUT, np.random.default_rng(seed)).protect("ann", sent)


def noise_of(upload, sent):
    """What was added to the mean update."""
    (part,) = upload.parts
    return part.values[:-1].astype(np.float64) / sent.weight - sent.vector


def is_normal_noise(noise, std):
    return stats.kstest(noise / std, "norm").pvalue > 1e-3


def test_identity_sends_the_contribution():
    (part,) = protected(Identity(), update()).parts
    assert part.values.tobytes() == update().contribution().tobytes()


def test_the_noise_is_normal_of_the_claimed_deviation():
    noise = noise_of(protected(Gaussian(STD), update()), update())
    assert is_normal_noise(noise, STD)
    assert not is_normal_noise(noise, 1.05 * STD)


@pytest.mark.parametrize("weight", [1, 16])
def test_the_noise_is_on_the_mean_update_whatever_the_weight(weight):
    sent = update(weight)
    assert is_normal_noise(noise_of(protected(Gaussian(STD), sent), sent), STD)


def test_the_weight_carries_no_noise():
    (part,) = protected(Gaussian(STD), update()).parts
    assert part.values[-1] == 3


def test_clients_draw_different_noise():
    session = Gaussian(STD).open(["ann", "bob"], LAYOUT, np.random.default_rng(0))
    first, second = (noise_of(session.protect(name, update()), update()) for name in ("ann", "bob"))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.05


def test_noise_follows_the_seed():
    first, again, other = (noise_of(protected(Gaussian(STD), update(), seed), update()) for seed in (0, 0, 1))
    assert (first == again).all()
    assert not (first == other).any()


@pytest.mark.parametrize("clients", [1, 4])
def test_readings_say_how_much_noise_they_carry(clients):
    names = [f"c{number}" for number in range(clients)]
    defense, batch = Gaussian(STD), 3
    session = defense.open(names, LAYOUT, np.random.default_rng(0))
    uploads = [session.protect(name, update(batch)) for name in names]
    (total,) = session.aggregate(uploads).parts
    knowledge = Knowledge("any", "any", 10, (1, 8, 8), batch_size=batch, noise=defense.noise)
    (reading,) = observe(LAYOUT, uploads[:1], [], knowledge).readings
    assert reading.noise == GaussianNoise(STD * batch)
    noise = total.values[:-1].astype(np.float64) - clients * update(batch).contribution()[:-1]
    assert is_normal_noise(noise, STD * batch * math.sqrt(clients))


@pytest.mark.parametrize("std", [0.0, -1.0, math.nan, math.inf])
def test_a_deviation_that_is_no_noise_is_refused(std):
    with pytest.raises(DefenseError, match="must be positive"):
        Gaussian(std)


def test_the_claims_promise_no_epsilon():
    assert "nothing" in Identity().claim
    assert "no epsilon" in Gaussian(STD).claim
    assert (Identity().noise, Gaussian(STD).noise) == (None, GaussianNoise(STD))
