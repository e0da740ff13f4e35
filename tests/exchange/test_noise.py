"""Noise of sums, and what records say of it."""

from dataclasses import replace

import numpy as np
import pytest

from gradveil.exchange import GaussianNoise, Knowledge, LaplaceNoise

KNOWLEDGE = Knowledge("linear", "cross-entropy", classes=3, input_shape=(1, 2, 2), batch_size=8)
DRAW = {
    "gaussian": (GaussianNoise(0.5), lambda rng, shape: rng.normal(0, 0.5, shape)),
    "laplace": (LaplaceNoise(0.5), lambda rng, shape: rng.laplace(0, 0.5, shape)),
}


@pytest.mark.parametrize(("noise", "draw"), DRAW.values(), ids=DRAW.keys())
@pytest.mark.parametrize("terms", [1, 4])
def test_the_standard_deviation_of_a_sum_is_that_of_its_draws(noise, draw, terms):
    drawn = 3 * draw(np.random.default_rng(0), (terms, 100_000)).sum(0)
    assert drawn.std() == pytest.approx(noise.of_sum(terms, 3).std, rel=0.02)


def test_a_sum_of_laplace_noise_is_not_called_laplace_noise_of_one():
    assert LaplaceNoise(0.5).of_sum(4, 3) == LaplaceNoise(1.5, terms=4)
    assert LaplaceNoise(0.5, terms=2).of_sum(4, 1) == LaplaceNoise(0.5, terms=8)


@pytest.mark.parametrize(
    ("noise", "words"),
    [
        (None, "none"),
        (GaussianNoise(0.25), "gaussian, std 0.25"),
        (LaplaceNoise(0.25), "laplace, scale 0.25"),
        (LaplaceNoise(0.25, 3), "laplace, scale 0.25, 3 terms"),
    ],
)
def test_records_say_which_noise_was_granted(noise, words):
    assert replace(KNOWLEDGE, noise=noise).as_record()["noise"] == words
