"""Likelihoods against the densities of the noise they stand for."""

import math

import numpy as np
import pytest
import torch

from attacks import AttackError
from attacks.evidence import readable, targets_of
from attacks.gradients import Dense, Gradient, Target, Targets
from attacks.likelihoods import Gaussian, Laplace, PruningMixture
from gradveil.exchange import GaussianNoise, LaplaceNoise, observe
from tests.attacks.cases import CLIENT, images_of, knowledge_of, seen, sum_reading, update_of
from tests.attacks.likelihoods.cases import SIZES, masks, predicted, readable_pairs, targets
from tests.attacks.likelihoods.cases import targets_of as made_of

DENSITIES = {
    "gaussian": (Gaussian, lambda std: torch.distributions.Normal(0.0, std)),
    "laplace": (Laplace, lambda std: torch.distributions.Laplace(0.0, std / math.sqrt(2))),
}
both = pytest.mark.parametrize(("kind", "density"), DENSITIES.values(), ids=DENSITIES.keys())


@both
def test_known_noise_gives_its_density_up_to_the_constant(kind, density):
    gradient, read = predicted(3).gradient(), targets(noise_std=0.3)
    found, values = readable_pairs(gradient, read)
    noise = density(0.3)
    constant = noise.log_prob(torch.tensor(0.0)) * len(values)
    expected = constant - noise.log_prob(found - values).sum(1)
    torch.testing.assert_close(kind().negative_log(gradient, read), expected)


@both
@pytest.mark.parametrize("probability", [0.01, 0.4, 0.99])
def test_an_unknown_mask_is_summed_out(kind, density, probability):
    gradient, read = predicted(3).gradient(), targets(noise_std=0.7)
    found, values = readable_pairs(gradient, read)
    noise = density(0.7)
    kept, pruned = noise.log_prob(values - found).exp(), noise.log_prob(values).exp()
    mixed = ((1 - probability) * kept + probability * pruned).log()
    constant = noise.log_prob(torch.tensor(0.0)) * len(values)
    expected = constant - mixed.sum(1)
    found = PruningMixture(probability, kind()).negative_log(gradient, read)
    torch.testing.assert_close(found, expected)


@both
def test_a_mask_that_hardly_prunes_is_none(kind, density):
    gradient, read = predicted(3).gradient(), targets(noise_std=2.0)
    torch.testing.assert_close(
        PruningMixture(1e-12, kind()).negative_log(gradient, read), kind().negative_log(gradient, read)
    )


@both
def test_the_mixture_neither_overflows_nor_loses_its_slope(kind, density):
    points = torch.tensor([[1e4, -1e4, 0.0, 1.0]], requires_grad=True)
    values = torch.tensor([[1.0, 0.0, 1e4, 1.0]])
    read = Targets({"a": Target(values, torch.ones(1, 4))}, torch.tensor([1e-3]), torch.tensor([1.0]), 1)
    value = PruningMixture(0.5, kind()).negative_log(Gradient({"a": Dense(points)}), read)
    value.backward()
    assert torch.isfinite(value).all()
    assert torch.isfinite(points.grad).all()


@both
def test_without_noise_the_errors_are_relative_to_the_root_mean_square(kind, density):
    gradient, read = predicted(3).gradient(), targets()
    assumed = targets(noise_std=0.01 * float(read.mean_square) ** 0.5)
    torch.testing.assert_close(
        kind(resolution=0.01).negative_log(gradient, read), kind().negative_log(gradient, assumed)
    )


@both
def test_known_noise_wins_over_the_resolution(kind, density):
    gradient = predicted(3).gradient()
    noisy, exact = targets(noise_std=0.3), targets()
    loose, sharp = kind(1e-1), kind(1e-3)
    assert torch.equal(loose.negative_log(gradient, noisy), sharp.negative_log(gradient, noisy))
    assert (loose.negative_log(gradient, exact) < sharp.negative_log(gradient, exact)).all()


@both
def test_what_was_not_read_does_not_dilute_the_assumed_precision(kind, density):
    few, all_read = masks(share=0.3), masks(share=1.0)
    gradient = predicted(1).gradient()
    read = targets(read=few)
    _, values = readable_pairs(gradient, read)
    torch.testing.assert_close(read.mean_square, values.square().mean()[None])
    assert targets(read=all_read).mean_square != read.mean_square


@both
def test_an_all_zero_reading_keeps_the_value_finite(kind, density):
    read = masks()
    zeros = {name: torch.zeros(1, n, dtype=torch.float64) for name, n in SIZES.items()}
    assert torch.isfinite(kind().negative_log(predicted(2).gradient(), made_of(zeros, read))).all()


@pytest.mark.parametrize("resolution", [0.0, -1.0, float("nan"), float("inf")])
@both
def test_the_resolution_must_be_positive(kind, density, resolution):
    with pytest.raises(AttackError, match="resolution"):
        kind(resolution)


@pytest.mark.parametrize("probability", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_the_pruning_probability_lies_between_0_and_1(probability):
    with pytest.raises(AttackError, match="probability"):
        PruningMixture(probability)


NOISES = {"gaussian": (Gaussian(), GaussianNoise(0.02)), "laplace": (Laplace(), LaplaceNoise(0.02))}


def noisy_targets(model, noise, clients):
    """What a server holds of a sum over clients with two examples each, and the summed gradient."""
    updates = {name: update_of(model, images_of(model, 2, seed), [0, 1]) for seed, name in enumerate(clients)}
    knowledge = knowledge_of(model, batch_size=2, noise=noise)
    observation = observe(model.layout, [], [sum_reading(updates)], knowledge)
    return targets_of([readable(observation, CLIENT, model)], model.layout)


@pytest.mark.parametrize(("likelihood", "noise"), NOISES.values(), ids=NOISES.keys())
@pytest.mark.parametrize("clients", [(CLIENT,), (CLIENT, "bob", "cem")])
def test_noise_on_means_reaches_the_likelihood_as_noise_on_their_sum(tiny, likelihood, noise, clients):
    read = noisy_targets(tiny, noise, clients)
    deviation = {"gaussian": 0.02, "laplace": 0.02 * math.sqrt(2)}[str(noise).split(",")[0]]
    assert float(read.noise_std) == pytest.approx(2 * deviation * len(clients) ** 0.5)


def test_laplace_noise_of_one_client_has_the_scale_that_the_defense_named(tiny):
    read = noisy_targets(tiny, LaplaceNoise(0.02), (CLIENT,))
    assert float(Laplace().scale(read)) == pytest.approx(2 * 0.02)


@both
def test_the_true_gradient_has_the_misfit_that_the_noise_makes(tiny, tiny_update, kind, density):
    exact = torch.from_numpy(tiny_update.vector)
    sample = {"gaussian": np.random.default_rng(0).normal, "laplace": np.random.default_rng(0).laplace}
    name = kind.__name__.lower()
    noise = sample[name](0, 0.1, exact.numel()).astype(np.float32)
    granted = {"gaussian": GaussianNoise(0.1), "laplace": LaplaceNoise(0.1)}[name]
    noisy = type(tiny_update)(tiny_update.layout, tiny_update.vector + noise, 1)
    read = targets_of([readable(seen(tiny, noisy, noise=granted), CLIENT, tiny)], tiny.layout)
    gradient = Gradient({n: Dense(exact[None, part]) for n, part in tiny.layout.slices.items()})
    expected = {"gaussian": 0.5, "laplace": 1.0}[name]
    per_value = float(kind().negative_log(gradient, read)) / exact.numel()
    assert per_value == pytest.approx(expected, abs=4 / exact.numel() ** 0.5)
