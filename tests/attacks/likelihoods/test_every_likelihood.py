"""What holds for every likelihood."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attacks.gradients import Dense, Gradient
from attacks.likelihoods import Cosine, FirstStep, Gaussian, Gridded, Laplace, LayerWeighted, PruningMixture
from tests.attacks.likelihoods.cases import (
    DOUBLE,
    Predicted,
    masks,
    of_victim,
    predicted,
    targets,
    targets_of,
    written_out,
)

LIKELIHOODS = {
    "gaussian": Gaussian(0.5),
    "laplace": Laplace(0.5),
    "cosine": Cosine(2.0),
    "cosine by layer": Cosine(2.0, per_layer=True),
    "pruning, gaussian": PruningMixture(0.3, Gaussian(0.5)),
    "pruning, laplace": PruningMixture(0.3, Laplace(0.5)),
    "gridded": Gridded(0.2, 0.1),
    "first step": FirstStep(5.0, 0.5, 0.5),
    "layers by energy": LayerWeighted(Gaussian(0.5)),
    "layers by name": LayerWeighted(Laplace(0.5), {"bias": 2.0, "weight": 0.5}),
}

pytestmark = pytest.mark.parametrize("likelihood", LIKELIHOODS.values(), ids=LIKELIHOODS.keys())


@pytest.mark.parametrize("noise_std", [0.0, 0.5])
def test_gradients_agree_with_finite_differences(likelihood, noise_std):
    read = targets(2, noise_std)
    parts = [part.requires_grad_() for part in predicted(4).parts]
    assert torch.autograd.gradcheck(
        lambda *parts: likelihood.negative_log(Predicted(*parts).gradient(), read), parts
    )


def test_outer_sums_give_what_written_out_gradients_give(likelihood):
    gradient, read = predicted(4).gradient(), targets(2, 0.5)
    torch.testing.assert_close(
        likelihood.negative_log(gradient, read), likelihood.negative_log(written_out(gradient), read)
    )


def test_several_victims_are_as_one_by_one(likelihood):
    parts, read = predicted(6), targets(3, torch.tensor([0.2, 0.0, 0.9], dtype=DOUBLE))
    together = likelihood.negative_log(parts.gradient(), read)
    for victim in range(3):
        rows = slice(2 * victim, 2 * victim + 2)
        alone = likelihood.negative_log(parts.of_rows(rows).gradient(), of_victim(read, victim))
        torch.testing.assert_close(together[rows], alone)


def test_rows_in_a_batch_are_as_alone(likelihood):
    parts, read = predicted(3), targets()
    together = likelihood.negative_log(parts.gradient(), read)
    assert together.shape == (3,)
    for row in range(3):
        alone = likelihood.negative_log(parts.of_rows([row]).gradient(), read)
        torch.testing.assert_close(together[[row]], alone)


@given(seed=st.integers(0, 1 << 16), noise_std=st.sampled_from([0.0, 0.4]))
def test_what_was_not_read_never_matters(likelihood, seed, noise_std):
    read = masks(1, seed)
    gradient, seen = written_out(predicted(2).gradient()), targets(1, noise_std, read=read)
    elsewhere = {
        name: Dense(torch.where(read[name], block.dense(), 1e6 * (seed + 1)))
        for name, block in gradient.blocks.items()
    }
    before, after = (
        likelihood.negative_log(gradient, seen),
        likelihood.negative_log(Gradient(elsewhere), seen),
    )
    assert torch.equal(before, after)


def test_a_victim_with_one_layer_less_to_read_changes_nothing_for_the_other(likelihood):
    read = masks(2)
    read["weight"][1] = False
    parts, both = predicted(2), targets(2, 0.3, read=read)
    together = likelihood.negative_log(parts.gradient(), both)
    for victim in range(2):
        alone = likelihood.negative_log(parts.of_rows([victim]).gradient(), of_victim(both, victim))
        torch.testing.assert_close(together[[victim]], alone)


def test_a_better_fit_is_likelier(likelihood):
    parts = predicted(1)
    truth = written_out(parts.gradient())
    read = masks(1)
    values = {name: block.dense() * read[name] for name, block in truth.blocks.items()}
    seen = targets_of(values, read, noise_std=0.05)
    worse = {name: Dense(block.dense() + 0.1) for name, block in truth.blocks.items()}
    assert likelihood.negative_log(truth, seen) < likelihood.negative_log(Gradient(worse), seen)
