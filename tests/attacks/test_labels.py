"""Labels come out of the last layer's gradient as far as it is readable, and no further."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attacks import Evidence, NotApplicableError, readable, restore_labels
from gradveil.exchange import GaussianNoise
from tests.attacks.cases import CLIENT, coords_of, images_of, mlp, network, seen, update_of

EVERY_CLASS = [(label,) for label in range(10)]


@pytest.fixture(scope="module", params=["lenet", "cnn"])
def classifier(request):
    return network(request.param)


def last_layer(model, rows=None, parts=("weight", "bias")):
    """Coordinates of rows of the last linear layer, all of them unless some are given."""
    weight, bias, inputs = model.linear_parts(model.linear_layers[-1])
    rows = np.arange(model.classes) if rows is None else np.atleast_1d(rows)
    own = {"weight": weight.start + (rows[:, None] * inputs + np.arange(inputs)).ravel()}
    own["bias"] = bias.start + rows
    return np.concatenate([own[part] for part in parts])


def restored(model, labels, hidden=(), seed=0, **granted):
    update = update_of(model, images_of(model, len(labels), seed), labels)
    return restore_labels(readable(seen(model, update, hidden, **granted), CLIENT, model), model)


def test_one_label_is_exact_for_every_class(classifier):
    found = [restored(classifier, [label], seed=label) for label in range(10)]
    assert found == [[label] for label in EVERY_CLASS]


def test_without_the_bias_the_rows_of_weights_decide(classifier):
    bias = last_layer(classifier, parts=["bias"])
    found = [restored(classifier, [label], bias, seed=label) for label in range(10)]
    assert found == [[label] for label in EVERY_CLASS]


def test_a_part_of_the_labels_row_decides(classifier):
    weights = last_layer(classifier, 3, parts=["weight"])
    hidden = np.append(weights[: 3 * len(weights) // 4], last_layer(classifier, 3, parts=["bias"]))
    assert restored(classifier, [3], hidden) == [(3,)]


def test_a_hidden_row_is_found_by_elimination(classifier):
    assert restored(classifier, [4], last_layer(classifier, 4)) == [(4,)]


def test_several_hidden_rows_leave_several_candidates(classifier):
    assert restored(classifier, [4], last_layer(classifier, [2, 4, 9])) == [(2,), (4,), (9,)]


def test_a_hidden_last_layer_leaves_all_candidates(classifier):
    assert restored(classifier, [4], last_layer(classifier)) == EVERY_CLASS


def test_noise_below_the_signal_still_decides(tiny):
    assert restored(tiny, [2], noise=GaussianNoise(1e-3)) == [(2,)]


def test_noise_above_the_signal_leaves_all_candidates(tiny):
    assert restored(tiny, [2], noise=GaussianNoise(1e3)) == [(0,), (1,), (2,), (3,)]


@given(st.integers(0, 2**32 - 1), st.integers(2, 20))
def test_batch_labels_add_up_whatever_was_read(seed, examples):
    model = mlp()
    values = torch.randn(model.layout.size, generator=torch.Generator().manual_seed(seed)) * examples
    evidence = Evidence((CLIENT,), values, torch.ones_like(values, dtype=torch.bool), 0.0, examples)
    (labels,) = restore_labels(evidence, model)
    assert len(labels) == examples
    assert list(labels) == sorted(labels)
    assert set(labels) <= set(range(model.classes))


@given(st.lists(st.integers(0, 3), min_size=2, max_size=12))
def test_batch_labels_are_exact_when_the_output_ignores_the_images(labels):
    model = mlp()
    model.network[3].weight.data.zero_()
    assert restored(model, labels) == [tuple(sorted(labels))]


def test_batch_labels_depend_on_the_gradient(tiny):
    assert restored(tiny, [0, 0, 0, 0]) != restored(tiny, [3, 3, 3, 3])


def test_batch_labels_need_the_whole_bias(tiny):
    one_entry = coords_of(tiny, "3.bias")[:1]
    with pytest.raises(NotApplicableError, match="bias is hidden"):
        restored(tiny, [0, 1], one_entry)
