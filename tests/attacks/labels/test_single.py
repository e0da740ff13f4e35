"""One example's label comes out of the last layer's gradient as far as it is readable, and no further."""

import numpy as np
import pytest

from gradveil.exchange import GaussianNoise
from tests.attacks.cases import network
from tests.attacks.labels.cases import last_layer, restored

EVERY_CLASS = [(label,) for label in range(10)]


@pytest.fixture(scope="module", params=["lenet", "cnn"])
def classifier(request):
    return network(request.param)


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
