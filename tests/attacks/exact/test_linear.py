"""Inputs of the first linear layer from scattered coordinates, with and without its bias."""

import numpy as np
import pytest
import torch
from torch import nn

from attacks import Model, NotApplicableError
from attacks.exact import PartialLinear
from attacks.exact.scale import allowed, zoomed
from gradveil.exchange import GaussianNoise
from gradveil.metrics import psnr
from tests.attacks.cases import CLIENT, coords_of, generator, images_of, mlp, network, seen, update_of

SHAPE = (1, 8, 8)


def no_bias(hidden=160, classes=6, seed=3):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        first, last = nn.Linear(64, hidden, bias=False), nn.Linear(hidden, classes, bias=False)
        return Model(nn.Sequential(nn.Flatten(), first, nn.ReLU(), last), SHAPE, classes)


def at_random(model, share, seed=0):
    return np.random.default_rng(seed).permutation(model.layout.size)[: round(share * model.layout.size)]


def found_psnr(model, hidden=(), label=2, value_range=(0.0, 1.0), seed=0):
    """PSNR and labels of the attack on one noise image with pixels in the range."""
    low, high = value_range
    images = low + (high - low) * images_of(model, seed=seed)
    observation = seen(model, update_of(model, images, [label]), hidden, value_range=value_range)
    found = PartialLinear().reconstruct(observation, model, client=CLIENT, rng=generator())
    unit = [(one - low) / (high - low) for one in (found.images, images.numpy())]
    return float(psnr(*unit)[0]), found.labels


@pytest.mark.parametrize("seed", range(4))
def test_nine_tenths_hidden_at_random_is_exact(seed):
    model = mlp(SHAPE, hidden=160, classes=6, seed=seed)
    assert found_psnr(model, at_random(model, 0.9, seed), seed=seed) == (pytest.approx(140, abs=20), (2,))


def test_rows_without_their_bias_help_through_others():
    model = mlp(SHAPE, hidden=20)
    weights, biases = coords_of(model, "1.weight").reshape(20, 64), coords_of(model, "1.bias")
    hidden = np.concatenate([weights[0, ::2], weights[1:, 1::2].flatten(), biases[1:], weights[5:].flatten()])
    hidden = np.setdiff1d(hidden, weights[1, 1])
    assert found_psnr(model, hidden)[0] > 100


@pytest.mark.parametrize("label", [0, 5])
@pytest.mark.parametrize("value_range", [(0.0, 1.0), (-1.0, 1.0), (0.25, 0.75)], ids=str)
def test_without_any_bias_the_readings_give_the_length(value_range, label):
    decibels, labels = found_psnr(no_bias(), label=label, value_range=value_range)
    assert (decibels > 80, labels) == (True, (label,))


def test_a_hidden_bias_is_no_protection():
    model = mlp(SHAPE, hidden=40)
    assert found_psnr(model, coords_of(model, "1.bias"))[0] > 80


def test_without_bias_and_nine_tenths_hidden_at_random():
    model = no_bias(hidden=400)
    assert found_psnr(model, at_random(model, 0.9))[0] > 80


def test_pixels_that_no_reading_of_the_layer_fixes_are_searched_for():
    model = mlp(SHAPE, hidden=40)
    column = coords_of(model, "1.weight").reshape(40, 64)[:, 7:9].flatten()
    assert found_psnr(model, column)[0] > 60


def test_a_layer_behind_others_needs_its_bias():
    model = network("cnn", (1, 8, 8))
    first = next(name for name, one in model.network.named_modules() if isinstance(one, nn.Linear))
    with pytest.raises(NotApplicableError, match="input open"):
        found_psnr(model, coords_of(model, f"{first}.bias"))


def test_a_batch_is_refused():
    model = mlp()
    batch = seen(model, update_of(model, images_of(model, 2), [0, 1]))
    with pytest.raises(NotApplicableError, match="several examples"):
        PartialLinear().reconstruct(batch, model, client=CLIENT, rng=generator())


def test_weights_that_are_not_of_rank_one_are_refused():
    model = no_bias()
    noise = torch.randn(model.layout.size, generator=generator()).numpy()
    update = update_of(model, images_of(model), [1])
    noisy = type(update)(model.layout, update.vector + noise, 1)
    observation = seen(model, noisy, noise=GaussianNoise(1.0))
    with pytest.raises(NotApplicableError, match="not of rank one"):
        PartialLinear().reconstruct(observation, model, client=CLIENT, rng=generator())


def test_a_model_without_a_linear_layer_at_one_position_is_refused():
    pooled = nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model = Model(pooled, SHAPE, 4)
    observation = seen(model, update_of(model, images_of(model), [1]), labels={CLIENT: (1,)})
    with pytest.raises(NotApplicableError, match="no trained linear layer"):
        PartialLinear().reconstruct(observation, model, client=CLIENT, rng=generator())


@pytest.mark.parametrize(
    ("direction", "value_range", "ends"),
    [([1.0, 2.0], (0, 1), (0, 0.5)), ([-1.0, -4.0], (0, 1), (-0.25, 0)), ([2.0, 4.0], (1, 3), (0.5, 0.75))],
    ids=str,
)
def test_lengths_allowed_keep_every_pixel_in_the_range(direction, value_range, ends):
    found = allowed(torch.tensor(direction, dtype=torch.float64), value_range)
    assert found == pytest.approx(ends, rel=2e-3)


def test_the_zoom_finds_the_lowest_of_several_minima():
    best, value = zoomed(lambda at: (at * 9).cos() + (at - 1.1).abs(), -3.0, 3.0)
    grid = torch.linspace(-3, 3, 600_001, dtype=torch.float64)
    assert value <= float(((grid * 9).cos() + (grid - 1.1).abs()).min())
    assert (np.cos(9 * best) + abs(best - 1.1)) == pytest.approx(value)
