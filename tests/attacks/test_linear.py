"""Dividing gradients of the first linear layer gives its inputs exactly."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attacks import ClosedFormLinear, NotApplicableError, layer_inputs, readable
from gradveil.exchange import observe
from tests.attacks.cases import (
    CLIENT,
    coords_of,
    generator,
    images_of,
    knowledge_of,
    mlp,
    network,
    seen,
    sum_reading,
    update_of,
)

PIXELS, UNITS = 36, 8


def first_inputs(model, images, label=2, hidden=()):
    update = update_of(model, images, [label])
    return layer_inputs(readable(seen(model, update, hidden), CLIENT, model), model, "1")


def reconstruct(model, observation):
    return ClosedFormLinear().reconstruct(observation, model, client=CLIENT, rng=generator())


@given(st.integers(0, 2**32 - 1), st.integers(0, 3))
def test_the_inputs_of_a_first_layer_are_exact(seed, label):
    model, images = mlp(seed=seed % 5), images_of(mlp(), seed=seed)
    inputs, known = first_inputs(model, images, label)
    assert known.all()
    torch.testing.assert_close(inputs, images.flatten(), atol=1e-5, rtol=0)


def test_one_readable_row_is_enough(tiny):
    images = images_of(tiny)
    other_rows = coords_of(tiny, "1.bias")[1:]
    inputs, known = first_inputs(tiny, images, hidden=other_rows)
    assert known.all()
    torch.testing.assert_close(inputs, images.flatten(), atol=1e-5, rtol=0)


def test_scattered_readable_entries_are_put_together(tiny):
    images = images_of(tiny)
    weights = coords_of(tiny, "1.weight").reshape(UNITS, PIXELS)
    hidden = [weights[unit, unit % 4 :: 4] for unit in range(UNITS)]
    inputs, known = first_inputs(tiny, images, hidden=np.concatenate(hidden))
    assert known.all()
    torch.testing.assert_close(inputs, images.flatten(), atol=1e-5, rtol=0)


def test_a_hidden_column_stays_unknown(tiny):
    images = images_of(tiny)
    column = coords_of(tiny, "1.weight").reshape(UNITS, PIXELS)[:, 7]
    inputs, known = first_inputs(tiny, images, hidden=column)
    assert torch.nonzero(~known).flatten().tolist() == [7]
    assert inputs[7] == 0
    torch.testing.assert_close(inputs[known], images.flatten()[known], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["1.bias", "1.weight"])
def test_without_a_pair_of_weight_and_bias_it_does_not_apply(tiny, name):
    with pytest.raises(NotApplicableError, match="no readable pair"):
        first_inputs(tiny, images_of(tiny), hidden=coords_of(tiny, name))


def test_on_an_mlp_the_attack_returns_the_image_and_its_label(tiny):
    images = images_of(tiny)
    found = reconstruct(tiny, seen(tiny, update_of(tiny, images, [3])))
    np.testing.assert_allclose(found.images, images, atol=1e-5)
    assert (found.labels, found.clients) == ((3,), (CLIENT,))


def test_an_undecided_label_is_no_opinion(tiny):
    hidden = coords_of(tiny, "3.weight", "3.bias")
    found = reconstruct(tiny, seen(tiny, update_of(tiny, images_of(tiny), [3]), hidden))
    assert found.labels is None


def test_with_layers_in_front_images_are_fitted_to_the_features():
    model = network("cnn", (1, 8, 8))
    image = torch.linspace(0, 1, 64).reshape(1, 1, 8, 8)
    found = reconstruct(model, seen(model, update_of(model, image, [3])))
    inputs = model.features(image)
    error = (model.features(torch.from_numpy(found.images)) - inputs).norm() / inputs.norm()
    assert error < 0.05
    assert np.square(found.images - image.numpy()).mean() < 0.25 * float(image.var())


def test_a_batch_is_refused(tiny):
    batch = seen(tiny, update_of(tiny, images_of(tiny, 2), [0, 1]))
    with pytest.raises(NotApplicableError, match="mixes several examples"):
        reconstruct(tiny, batch)


def test_a_sum_over_clients_is_refused(tiny):
    updates = {name: update_of(tiny, images_of(tiny), [1]) for name in (CLIENT, "bob")}
    observation = observe(tiny.layout, [], [sum_reading(updates)], knowledge_of(tiny))
    with pytest.raises(NotApplicableError, match="mixes several examples"):
        reconstruct(tiny, observation)


def test_an_adversary_who_inverts_nothing_needs_a_layer_that_sees_the_pixels(tiny):
    attack, images = ClosedFormLinear(inverts=False), images_of(tiny)
    found = attack.reconstruct(seen(tiny, update_of(tiny, images, [2])), tiny, client=CLIENT, rng=generator())
    assert np.abs(found.images - images.numpy()).max() < 1e-5
    behind = network("lenet")
    observation = seen(behind, update_of(behind, images_of(behind), [2]))
    with pytest.raises(NotApplicableError, match="its input is no image"):
        attack.reconstruct(observation, behind, client=CLIENT, rng=generator())
