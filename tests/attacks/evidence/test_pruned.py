"""A pruning mask that the adversary knows."""

import numpy as np
import pytest
import torch

from attacks import AttackError, NotApplicableError
from attacks.evidence import Unpruned, readable, targets_of, zero_filled
from attacks.gradients import Dense, Gradient
from attacks.likelihoods import Gaussian, Laplace
from gradveil.exchange import GaussianNoise, LaplaceNoise, Update
from tests.attacks.cases import CLIENT, seen

NOISES = {"gaussian": (Gaussian(), GaussianNoise(0.1)), "laplace": (Laplace(), LaplaceNoise(0.1))}


@pytest.fixture
def kept(tiny):
    return np.random.default_rng(3).random(tiny.layout.size) < 0.5


def pruned(update, kept):
    noise = np.random.default_rng(4).normal(0, 0.1, kept.size).astype(np.float32)
    return Update(update.layout, update.vector * kept + noise, update.weight)


def gradient_of(model, rows):
    return Gradient({name: Dense(rows[:, part]) for name, part in model.layout.slices.items()})


@pytest.mark.parametrize(("likelihood", "noise"), NOISES.values(), ids=NOISES.keys())
def test_leaving_pruned_coordinates_out_changes_the_density_by_a_constant(
    tiny, tiny_update, kept, likelihood, noise
):
    observation = seen(tiny, pruned(tiny_update, kept), noise=noise)
    rows = torch.randn(5, tiny.layout.size, generator=torch.Generator().manual_seed(1))
    full = targets_of([readable(observation, CLIENT, tiny)], tiny.layout)
    exact = likelihood.negative_log(gradient_of(tiny, rows * torch.from_numpy(kept)), full)
    known = targets_of([Unpruned(kept)(observation, CLIENT, tiny)], tiny.layout)
    apart = exact - likelihood.negative_log(gradient_of(tiny, rows), known)
    assert float(apart.min()) > 0
    torch.testing.assert_close(apart, apart[:1].expand(5), rtol=1e-3, atol=0.0)


def test_pruned_coordinates_are_not_read(tiny, tiny_update, kept):
    evidence = Unpruned(kept)(seen(tiny, pruned(tiny_update, kept), hidden=[0, 1, 2]), CLIENT, tiny)
    assert evidence.mask.tolist() == (kept & (np.arange(kept.size) > 2)).tolist()
    assert not evidence.values[~evidence.mask].any()


def test_it_narrows_any_view(tiny, tiny_update, kept):
    observation = seen(tiny, pruned(tiny_update, kept), hidden=[0, 1, 2])
    assert Unpruned(kept, zero_filled)(observation, CLIENT, tiny).mask.tolist() == kept.tolist()


def test_a_mask_of_another_model_is_refused(tiny, tiny_observation):
    with pytest.raises(AttackError, match=f"needs \\({tiny.layout.size},\\)"):
        Unpruned(np.ones(3, dtype=np.bool_))(tiny_observation, CLIENT, tiny)


def test_without_one_coordinate_left_there_is_nothing_to_attack(tiny, tiny_observation):
    with pytest.raises(NotApplicableError, match="pruned"):
        Unpruned(np.zeros(tiny.layout.size, dtype=np.bool_))(tiny_observation, CLIENT, tiny)
