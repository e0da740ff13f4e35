"""An update is finite, of its layout, and weighted; the mean of many is exact."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradveil.exchange import InvalidUpdateError, Layout, LayoutMismatchError, Update, weighted_mean
from gradveil.exchange.update import MAX_WEIGHT
from tests.exchange.strategies import layouts, updates

THREE = Layout(("v",), ((3,),))


def update(*values, weight=1):
    return Update(THREE, np.array(values, dtype=np.float32), weight)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_with_its_place(bad):
    with pytest.raises(InvalidUpdateError, match="coordinate 1"):
        update(0, bad, 0)


@pytest.mark.parametrize(
    "vector",
    [np.zeros(3), np.zeros(4, np.float32), np.zeros((3, 1), np.float32), np.zeros(3, np.float16)],
    ids=["float64", "longer", "two axes", "float16"],
)
def test_another_type_or_shape_is_refused(vector):
    with pytest.raises(InvalidUpdateError, match="flatten"):
        Update(THREE, vector, 1)


@pytest.mark.parametrize("weight", [0, -1, 1.5, True])
def test_weights_that_count_no_examples_are_refused(weight):
    with pytest.raises(InvalidUpdateError, match="weight"):
        update(0, 0, 0, weight=weight)


def test_a_client_weight_beyond_exact_float32_does_not_travel():
    with pytest.raises(InvalidUpdateError, match="split"):
        update(0, 0, 0, weight=MAX_WEIGHT + 1).contribution()


def test_a_product_beyond_float32_does_not_travel():
    with pytest.raises(InvalidUpdateError, match="exceeds float32"):
        update(3e38, 0, 0, weight=100).contribution()


def test_large_cohorts_average():
    assert weighted_mean([update(1, 2, 3, weight=MAX_WEIGHT)] * 2).weight == 2 * MAX_WEIGHT


@pytest.mark.parametrize("count", [np.nan, np.inf, 0.0, -3.0, 2.4])
def test_a_sum_with_an_impossible_weight_is_refused(count):
    layout = update(0, 0, 0).layout
    with pytest.raises(InvalidUpdateError, match="weights"):
        Update.mean_of_sum(layout, np.array([1.0, 1.0, 1.0, count]))


def test_nothing_has_no_mean():
    with pytest.raises(InvalidUpdateError, match="nothing to average"):
        weighted_mean([])


@pytest.mark.parametrize("weight", [1, MAX_WEIGHT])
def test_the_limits_of_the_weight_are_exact_in_float32(weight):
    assert int(update(0, 0, 0, weight=weight).contribution()[THREE.weight_coord]) == weight


def test_a_contribution_is_the_weighted_vector_then_the_weight():
    assert update(1, -2, 0.5, weight=4).contribution().tolist() == [4, -8, 2, 4]
    assert update(1, 1, 1).contribution().dtype == np.float32


@given(st.data())
def test_the_mean_is_the_float64_mean_rounded_once(data):
    layout = data.draw(layouts())
    clients = data.draw(st.lists(updates(layout), min_size=1, max_size=5))
    rows = np.stack([client.vector.astype(np.float64) for client in clients])
    weights = [client.weight for client in clients]
    expected = np.average(rows, axis=0, weights=weights)
    mean = weighted_mean(clients)
    assert mean.weight == sum(weights)
    np.testing.assert_allclose(mean.vector, expected, rtol=2**-23, atol=1e-9)


def test_the_mean_keeps_what_a_float32_sum_would_lose():
    assert weighted_mean([update(2**24, 0, 0), update(1, 0, 0), update(1, 0, 0)]).vector[0] == np.float32(
        (2**24 + 2) / 3
    )


def test_the_mean_of_one_is_itself():
    alone = update(0.1, -3e30, 7, weight=6)
    assert np.array_equal(weighted_mean([alone]).vector, alone.vector)


def test_a_zero_update_only_adds_weight():
    mean = weighted_mean([update(3, 6, 9, weight=1), update(0, 0, 0, weight=2)])
    assert (mean.vector.tolist(), mean.weight) == ([1, 2, 3], 3)


def test_the_order_of_clients_does_not_matter():
    clients = [update(1, 2, 3, weight=5), update(-4, 0, 2, weight=7), update(9, 9, 9, weight=11)]
    assert np.array_equal(weighted_mean(clients).vector, weighted_mean(clients[::-1]).vector)


def test_clients_of_different_models_have_no_mean():
    other = Update(Layout(("other",), ((3,),)), np.zeros(3, np.float32), 1)
    with pytest.raises(LayoutMismatchError):
        weighted_mean([update(0, 0, 0), other])


@given(st.data())
def test_the_mean_of_the_summed_contributions_is_the_mean(data):
    layout = data.draw(layouts())
    clients = data.draw(st.lists(updates(layout), min_size=1, max_size=5))
    total = np.sum([client.contribution().astype(np.float64) for client in clients], axis=0)
    found = Update.mean_of_sum(layout, total)
    bound = max(float(np.abs(client.contribution()).max()) for client in clients) * 2**-22
    np.testing.assert_allclose(found.vector, weighted_mean(clients).vector, rtol=2**-22, atol=bound)


@pytest.mark.parametrize("weight", [0.0, 0.4, -3.0])
def test_a_sum_without_positive_weight_is_refused(weight):
    with pytest.raises(InvalidUpdateError, match="do not add up"):
        Update.mean_of_sum(THREE, np.array([1.0, 1.0, 1.0, weight]))


def test_a_sum_with_a_slightly_noisy_weight_is_read_as_the_whole_number():
    assert Update.mean_of_sum(THREE, np.array([6.0, 6.0, 6.0, 3.0000001])).weight == 3


def test_a_sum_that_is_not_finite_is_refused():
    with pytest.raises(InvalidUpdateError):
        Update.mean_of_sum(THREE, np.array([np.nan, 1.0, 1.0, 1.0]))
