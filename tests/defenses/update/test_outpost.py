"""Outpost drops small gradients, puts noise on columns that say much, and ever less often."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from gradveil.defenses import DefenseError, Outpost, Work
from gradveil.defenses.update.outpost import noisy_columns, spreads_of
from gradveil.exchange import Layout, Update

NETWORK = nn.Linear(50, 40)
LAYOUT = Layout(("weight", "bias"), ((40, 50), (40,)))
GRADIENT = np.random.default_rng(0).standard_normal(LAYOUT.size).astype(np.float32)
WORK = Work(NETWORK, None, None)


def setup_module():
    with torch.no_grad():
        NETWORK.weight.copy_(torch.randn(40, 50, generator=torch.Generator().manual_seed(0)) * 0.5)
        NETWORK.bias.copy_(torch.randn(40, generator=torch.Generator().manual_seed(1)) * 9)


def sent(defense, seed=0):
    update = Update(LAYOUT, GRADIENT, 1)
    return defense.apply(update, WORK, np.random.default_rng(seed)).vector


def test_spreads_are_variances_up_to_one():
    spreads = spreads_of(NETWORK)
    assert spreads["weight"] == pytest.approx(0.25, rel=0.1)
    assert spreads["bias"] == 1
    assert spreads_of(nn.Conv2d(1, 1, 1))["weight"] == 0


def test_columns_of_largest_information_are_noisy():
    parts = LAYOUT.unflatten(GRADIENT)
    found = noisy_columns(parts, 0.4)
    assert found["weight"].shape == (50,)
    assert found["bias"].shape == ()
    information = np.append((parts["weight"] ** 2).mean(0), (parts["bias"] ** 2).mean())
    marked = np.append(found["weight"], found["bias"])
    assert marked.sum() == pytest.approx(0.4 * 51, abs=1)
    assert information[marked].min() > information[~marked].max()


def test_quiet_columns_are_pruned_and_exact_and_noisy_ones_have_the_noise_stated():
    before, after = (LAYOUT.unflatten(one)["weight"] for one in (GRADIENT, sent(Outpost())))
    noisy = noisy_columns(LAYOUT.unflatten(GRADIENT), 0.4)["weight"]
    pruned = np.where(np.abs(before) < np.quantile(np.abs(before), 0.8), 0, before)
    assert np.array_equal(after[:, ~noisy], pruned[:, ~noisy])
    assert 0.75 < (after[:, ~noisy] == 0).mean() < 0.9
    noise = (after - pruned)[:, noisy]
    assert (noise != 0).all()
    assert noise.std() == pytest.approx(0.8 * spreads_of(NETWORK)["weight"], rel=0.1)


def test_later_iterations_are_defended_less_often():
    def defended(iteration):
        defense = replace(Outpost(), iteration=iteration)
        return np.mean([not np.array_equal(sent(defense, seed), GRADIENT) for seed in range(400)])

    assert defended(0) == 1
    assert defended(8) == pytest.approx(0.5, abs=0.07)
    assert defended(72) == pytest.approx(0.1, abs=0.04)


@pytest.mark.parametrize(
    "knobs", [{"noise_scale": 0.0}, {"pruned": 1.0}, {"noisy": 0.0}, {"decay": -1.0}, {"iteration": -1}]
)
def test_impossible_knobs_are_refused(knobs):
    with pytest.raises(DefenseError, match=r"positive and finite|prune a share"):
        Outpost(**knobs)
