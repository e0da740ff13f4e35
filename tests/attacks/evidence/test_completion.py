"""Rank-one completion of the gradients of linear layers, against the true gradient."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from attacks import LBFGS, Box, GradientMatching, Model, NotApplicableError, Stage
from attacks.evidence import completed, readable
from attacks.evidence.completion import rank_one
from gradveil.exchange import GaussianNoise, Update
from gradveil.metrics import psnr
from tests.attacks.cases import CLIENT, coords_of, generator, images_of, mlp, seen, update_of

SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def readings(draw):
    """A float32 matrix u v^T of any scale with dead rows and columns, and a mask; v[0] = 1 if `ones`."""
    rows, columns, rng = draw(st.integers(1, 9)), draw(st.integers(1, 9)), np.random.default_rng(draw(SEEDS))
    alive = draw(st.sampled_from((0.5, 1.0)))
    left = rng.normal(size=rows) * 10.0 ** rng.uniform(-9, 3, rows) * (rng.random(rows) < alive)
    right = rng.normal(size=columns) * (rng.random(columns) < alive)
    ones = draw(st.booleans())
    right[0] = 1.0 if ones else right[0]
    matrix = np.outer(left.astype(np.float32), right.astype(np.float32))
    mask = rng.random(matrix.shape) < draw(st.sampled_from((0.1, 0.3, 0.6, 1.0)))
    return torch.from_numpy(matrix), torch.from_numpy(mask), ones


def reachable(edges):
    """Pairs of rows and columns joined by a path, by a plain search from every row."""
    joined = np.zeros_like(edges)
    for start in range(len(edges)):
        rows, columns = {start}, set()
        while True:
            grown = {c for r in rows for c in np.flatnonzero(edges[r])}
            if grown == columns:
                break
            columns = grown
            rows |= {r for c in columns for r in np.flatnonzero(edges[:, c])}
        joined[start, sorted(columns)] = True
    return joined


def hidden_part(model, update, hidden):
    """Evidence completed, the true gradient, and bool (P,) of what is hidden."""
    evidence = completed(seen(model, update, hidden=hidden), CLIENT, model)
    gone = np.zeros(model.layout.size, dtype=np.bool_)
    gone[hidden] = True
    return evidence, torch.from_numpy(update.vector), torch.from_numpy(gone)


def largest(update, share):
    return np.argsort(-np.abs(update.vector), kind="stable")[: round(share * update.vector.size)]


def relu_net(layers, shape=(1, 6, 6), seed=1):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Model(layers(), shape, 4)


class Tied(nn.Module):
    """One linear layer, called twice."""

    def __init__(self):
        super().__init__()
        self.flatten, self.inner, self.head = nn.Flatten(), nn.Linear(36, 36), nn.Linear(36, 4)

    def forward(self, images):
        return self.head(torch.tanh(self.inner(torch.tanh(self.inner(self.flatten(images))))))


class Positions(nn.Module):
    """A linear layer that sees the six rows of an image as six positions."""

    def __init__(self):
        super().__init__()
        self.inner, self.head = nn.Linear(6, 5), nn.Linear(5, 4)

    def forward(self, images):
        return self.head(torch.tanh(self.inner(images[:, 0])).mean(1))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(readings())
def test_no_entry_is_ever_filled_in_wrongly(drawn):
    matrix, mask, ones = drawn
    found = rank_one(matrix, mask, ones)
    assert found.consistent
    error = (found.products - matrix).abs() * found.determined
    assert bool((error <= 2e-5 * matrix.abs().double()).all())


@settings(max_examples=200, deadline=None, derandomize=True)
@given(readings())
def test_every_entry_that_a_path_of_readings_determines_is_filled_in(drawn):
    matrix, mask, ones = drawn
    joined = reachable((mask & (matrix != 0)).numpy())
    assert rank_one(matrix, mask, ones).determined[torch.from_numpy(joined)].all()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(readings(), SEEDS)
def test_what_is_not_read_plays_no_part(drawn, seed):
    matrix, mask, ones = drawn
    other = torch.where(mask, matrix, torch.randn(matrix.shape, generator=generator(seed)))
    first, second = rank_one(matrix, mask, ones), rank_one(other, mask, ones)
    assert torch.equal(first.products, second.products)
    assert torch.equal(first.determined, second.determined)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(SEEDS, st.sampled_from((0.5, 0.8, 1.0)))
def test_a_matrix_of_rank_two_is_noticed(seed, share):
    rng = np.random.default_rng(seed)
    matrix = (rng.normal(size=(9, 2)) @ rng.normal(size=(2, 12))).astype(np.float32)
    mask = rng.random(matrix.shape) < share
    assert not rank_one(torch.from_numpy(matrix), torch.from_numpy(mask)).consistent


def test_a_zero_between_two_live_factors_is_noticed():
    matrix = torch.tensor([[1.0, 2.0], [3.0, 0.0]])
    assert not rank_one(matrix, torch.ones(2, 2, dtype=torch.bool)).consistent


def test_a_zero_bias_tells_that_the_row_is_zero_and_a_nonzero_one_alone_tells_nothing():
    matrix, mask = torch.tensor([[0.0, 0.0], [2.0, 6.0]]), torch.tensor([[True, False], [True, False]])
    assert rank_one(matrix, mask, ones=True).determined.tolist() == [[True, True], [True, False]]


def test_a_zero_in_a_column_that_may_be_zero_tells_nothing():
    matrix, mask = torch.tensor([[0.0, 0.0], [2.0, 6.0]]), torch.tensor([[True, False], [False, True]])
    assert rank_one(matrix, mask, ones=False).determined.tolist() == [[False, False], [False, True]]
    assert rank_one(matrix, mask, ones=True).determined.tolist() == [[True, True], [False, True]]


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6], ids=str)
def test_the_largest_entries_hidden_from_a_linear_layer_come_back(share):
    model = mlp(hidden=16)
    update = update_of(model, images_of(model), [2])
    evidence, truth, gone = hidden_part(model, update, largest(update, share))
    weights = torch.from_numpy(model.layout.mask_of(["1.weight"]))
    back = evidence.mask & gone
    assert float((back & weights).sum()) >= 0.95 * float((gone & weights).sum())
    torch.testing.assert_close(evidence.values[back], truth[back], rtol=1e-5, atol=0.0)


def test_without_any_bias_the_weights_come_back_and_the_biases_do_not():
    model = mlp(hidden=16)
    update, rng = update_of(model, images_of(model), [2]), np.random.default_rng(0)
    some = rng.choice(coords_of(model, "1.weight"), 200, replace=False)
    evidence, truth, _ = hidden_part(model, update, np.union1d(coords_of(model, "1.bias"), some))
    bias = torch.from_numpy(model.layout.mask_of(["1.bias"]))
    assert not evidence.mask[bias].any()
    assert not evidence.values[bias].any()
    assert evidence.mask[~bias].all()
    torch.testing.assert_close(evidence.values[some], truth[some], rtol=1e-5, atol=0.0)


def test_rows_that_relu_switched_off_come_back_as_zeros():
    model = relu_net(lambda: nn.Sequential(nn.Flatten(), nn.Linear(36, 20), nn.ReLU(), nn.Linear(20, 4)))
    update = update_of(model, images_of(model), [1])
    dead = np.flatnonzero(update.vector[coords_of(model, "1.bias")] == 0)
    assert 0 < len(dead) < 20
    weights = coords_of(model, "1.weight").reshape(20, 36)
    evidence, _, _ = hidden_part(model, update, weights[dead, 1:].ravel())
    assert evidence.mask.all()
    assert not evidence.values[weights[dead].ravel()].any()


def test_a_layer_without_bias_is_completed_too():
    layers = lambda: nn.Sequential(nn.Flatten(), nn.Linear(36, 9, bias=False), nn.Tanh(), nn.Linear(9, 4))  # noqa: E731
    model = relu_net(layers)
    update = update_of(model, images_of(model), [1])
    evidence, truth, gone = hidden_part(model, update, largest(update, 0.3))
    assert float((evidence.mask & gone).sum()) > 0.8 * float(gone.sum())
    torch.testing.assert_close(evidence.values[evidence.mask], truth[evidence.mask], rtol=1e-5, atol=0.0)


@pytest.mark.parametrize("network", [Positions, Tied], ids=lambda one: one.__name__)
def test_layers_that_are_not_of_rank_one_stay_as_they_were_read(network):
    model = relu_net(network)
    update = update_of(model, images_of(model), [1])
    hidden = np.random.default_rng(0).choice(coords_of(model, "inner.weight"), 10, replace=False)
    evidence, _, gone = hidden_part(model, update, hidden)
    assert not (evidence.mask & gone).any()


@pytest.mark.parametrize("case", ["batch", "noise", "lies"])
def test_readings_that_no_single_example_explains_are_left_alone(tiny, case):
    update = update_of(tiny, images_of(tiny, 2), [2, 1])
    hidden, granted = coords_of(tiny, "1.weight")[:7], {}
    if case == "noise":
        update, granted = update_of(tiny, images_of(tiny), [2]), {"noise": GaussianNoise(1e-3)}
    if case == "lies":
        update = Update(update.layout, update.vector, 1)
    observation = seen(tiny, update, hidden=hidden, **granted)
    expected = readable(observation, CLIENT, tiny)
    evidence = completed(observation, CLIENT, tiny)
    assert torch.equal(evidence.mask, expected.mask)
    assert torch.equal(evidence.values, expected.values)


def test_what_is_read_is_kept_bit_by_bit(tiny, tiny_update):
    observation = seen(tiny, tiny_update, hidden=largest(tiny_update, 0.3))
    expected, evidence = readable(observation, CLIENT, tiny), completed(observation, CLIENT, tiny)
    assert evidence.mask[expected.mask].all()
    assert torch.equal(evidence.values[expected.mask], expected.values[expected.mask])


def test_with_nothing_readable_there_is_nothing_to_complete(tiny, tiny_update):
    observation = seen(tiny, tiny_update, hidden=np.arange(tiny.layout.size))
    with pytest.raises(NotApplicableError, match="readable"):
        completed(observation, CLIENT, tiny)


@pytest.mark.parametrize(("double", "dtype"), [(False, torch.float32), (True, torch.float64)], ids=str)
def test_the_view_is_made_in_the_precision_of_the_search(tiny, tiny_observation, double, dtype):
    seen_types = []

    def view(observation, client, model):
        evidence = completed(observation, client, model)
        seen_types.append((model.dtype, evidence.values.dtype))
        return evidence

    attack = GradientMatching(view=view, stages=(Stage(LBFGS(iterations=2)),), double=double)
    attack.reconstruct(tiny_observation, tiny, client=CLIENT, rng=generator())
    assert seen_types == [(dtype, dtype)]


def test_matching_completed_readings_is_more_precise_than_matching_what_is_read():
    model = mlp()
    truth = images_of(model)
    update = update_of(model, truth, [2])
    observation = seen(model, update, hidden=largest(update, 0.6))
    attack = GradientMatching(prior=Box(), stages=(Stage(LBFGS(iterations=200)),))
    after, before = (
        replace(attack, view=view).reconstruct(observation, model, client=CLIENT, rng=generator()).images
        for view in (completed, readable)
    )
    assert float(psnr(after, truth.numpy())[0]) > float(psnr(before, truth.numpy())[0]) + 5
