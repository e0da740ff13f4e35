"""Labels of batches: exact on fresh networks by the readable rows, with candidates for the others."""

from math import comb

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from attacks import Evidence, Model, NotApplicableError, readable, restore_labels
from gradveil.exchange import GaussianNoise, observe
from tests.attacks.cases import (
    CLIENT,
    coords_of,
    images_of,
    knowledge_of,
    mlp,
    network,
    sum_reading,
    update_of,
)
from tests.attacks.labels.cases import last_layer, restored

MIXED = [7, 0, 3, 3, 9, 1, 3, 0]


def flat_network(last):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = (nn.Flatten(), nn.Linear(36, 8), nn.Sigmoid(), last())
        return Model(nn.Sequential(*layers), (1, 6, 6), 4)


@pytest.fixture(scope="module", params=["lenet", "cnn"])
def classifier(request):
    return network(request.param)


@given(st.integers(0, 2**32 - 1), st.integers(2, 20))
def test_labels_add_up_whatever_was_read(seed, examples):
    model = mlp()
    values = torch.randn(model.layout.size, generator=torch.Generator().manual_seed(seed)) * examples
    # noise rules out the factorisation, which finds nothing in random values and is slow to say so
    evidence = Evidence((CLIENT,), values, torch.ones_like(values, dtype=torch.bool), 1e-9, examples)
    (labels,) = restore_labels(evidence, model)
    assert len(labels) == examples
    assert list(labels) == sorted(labels)
    assert set(labels) <= set(range(model.classes))


@given(st.lists(st.integers(0, 3), min_size=2, max_size=12))
def test_labels_are_exact_when_the_output_ignores_the_images(labels):
    model = mlp()
    # the model holds a copy of the network, so the layer is zeroed through its parameters
    model.parameters["3.weight"].zero_()
    assert restored(model, labels) == [tuple(sorted(labels))]


@pytest.mark.parametrize("count", [2, 4, 8])
def test_repeated_labels_are_exact_on_a_fresh_network(classifier, count):
    assert restored(classifier, MIXED[:count]) == [tuple(sorted(MIXED[:count]))]


@pytest.mark.parametrize("hidden", [[4], [0, 3], [0, 1, 2, 3, 4, 5, 6, 7, 8]])
def test_hidden_bias_entries_follow_from_the_weights(classifier, hidden):
    coords = last_layer(classifier, hidden, parts=["bias"])
    assert restored(classifier, MIXED, coords) == [tuple(sorted(MIXED))]


def test_without_any_bias_gradient_noise_images_give_the_scale(classifier):
    coords = last_layer(classifier, parts=["bias"])
    assert restored(classifier, MIXED, coords) == [tuple(sorted(MIXED))]


def test_a_random_third_of_the_layer_may_be_hidden(classifier):
    layer = last_layer(classifier)
    coords = np.random.default_rng(0).choice(layer, len(layer) // 3, replace=False)
    assert restored(classifier, MIXED, coords) == [tuple(sorted(MIXED))]


def test_one_hidden_row_follows_from_the_others(classifier):
    assert restored(classifier, MIXED, last_layer(classifier, 3)) == [tuple(sorted(MIXED))]


def test_two_hidden_rows_share_what_the_others_leave(classifier):
    found = restored(classifier, MIXED, last_layer(classifier, [3, 5]))
    known = [label for label in MIXED if label != 3]
    assert found == [tuple(sorted([*known, *[3] * (3 - other), *[5] * other])) for other in range(4)]


def test_too_many_assignments_are_no_answer(classifier):
    assert comb(10 + 8 - 1, 8) > 64
    with pytest.raises(NotApplicableError, match="8 of 8 labels lie in 10 classes"):
        restored(classifier, MIXED, last_layer(classifier))


def test_few_assignments_of_a_hidden_layer_are_all_candidates(tiny):
    found = restored(tiny, [0, 1], coords_of(tiny, "3.weight", "3.bias"))
    assert len(found) == len(set(found)) == comb(4 + 2 - 1, 2)


def test_known_noise_below_the_signal_still_decides(classifier):
    assert restored(classifier, MIXED, noise=GaussianNoise(1e-3)) == [tuple(sorted(MIXED))]


def test_a_sum_over_clients_is_one_batch(classifier):
    groups = {"ann": [1, 1], "bob": [1, 8], "cid": [0, 5]}
    updates = {
        name: update_of(classifier, images_of(classifier, 2, len(name)), y) for name, y in groups.items()
    }
    observation = observe(
        classifier.layout, [], [sum_reading(updates)], knowledge_of(classifier, batch_size=2)
    )
    found = restore_labels(readable(observation, "ann", classifier), classifier)
    assert found == [(0, 1, 1, 1, 5, 8)]


@pytest.mark.parametrize("labels", [[2], [0, 2], [1, 1, 3]])
def test_a_last_layer_without_bias(labels):
    model = flat_network(lambda: nn.Linear(8, 4, bias=False))
    assert restored(model, labels) == [tuple(sorted(labels))]


def test_a_last_linear_layer_that_does_not_make_the_logits_is_refused():
    model = flat_network(lambda: nn.Sequential(nn.Linear(8, 4), nn.LogSigmoid()))
    with pytest.raises(NotApplicableError, match="not the output of a linear layer; grant the labels"):
        restored(model, [0, 1])


def test_labels_do_not_depend_on_torchs_global_generator(tiny):
    torch.manual_seed(1)
    first = restored(tiny, [0, 0, 3])
    torch.manual_seed(2)
    assert restored(tiny, [0, 0, 3]) == first == [(0, 0, 3)]
