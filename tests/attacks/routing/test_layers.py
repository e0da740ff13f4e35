"""What one example's gradient gives without search, and the parts of a routed layer."""

import numpy as np
import pytest
import torch

from attacks import NotApplicableError
from attacks.evidence import completed
from attacks.priors import Box
from attacks.routing import TrunkDistance, known_of, trunk_of
from attacks.routing.distance import convolutions_energy
from attacks.routing.inputs import FreeInputs
from attacks.routing.layer import RoutedLayer, prior_shares
from attacks.routing.pixels import PooledDistance, RoutedDistance
from tests.attacks.cases import CLIENT, coords_of, generator, images_of, seen, update_of
from tests.attacks.routing.nets import known_and_trunk, observed, picture, pooled


def layer_of(model, image, ratio=0.0):
    """The second block as the attack knows it, its true inputs, and the truth's winners."""
    known, trunk = known_and_trunk(model, observed(model, image, ratio=ratio))
    inputs = trunk.entering(1, image[0].double())
    readings = known.weight_gradient(trunk.blocks[1])
    layer = RoutedLayer.near(trunk.blocks[1], known.features, known.signal, readings, inputs)
    return layer, inputs, layer.hard(prior_shares(layer.block, inputs, 1e-6)), trunk


@pytest.mark.parametrize("ratio", [0.0, 0.1])
def test_features_and_signal_are_exact_whatever_part_is_read(ratio):
    model, image = pooled(), picture()
    known, trunk = known_and_trunk(model, observed(model, image, ratio=ratio))
    torch.testing.assert_close(known.features, trunk.inputs_of(2, image.double())[0], rtol=1e-5, atol=1e-6)
    probe = model.double().features(image.double()).detach()
    assert known.features.flatten() @ probe[0] / probe.square().sum() == pytest.approx(1, abs=1e-5)
    outputs = model.double().linear_parts("7")
    assert known.signal.numel() == outputs[2]


def test_without_a_single_bias_the_norm_of_the_features_is_found():
    model, image = pooled(), picture()
    observation = seen(model, update_of(model, image, [2]), coords_of(model, "7.bias", "9.bias"))
    known, trunk = known_and_trunk(model, observation)
    torch.testing.assert_close(known.features, trunk.inputs_of(2, image.double())[0], rtol=1e-4, atol=1e-6)


def test_without_a_bias_and_under_wrong_labels_nothing_fits():
    model, image = pooled(), picture()
    wide, hidden = model.double(), coords_of(model, "7.bias")
    evidence = completed(seen(model, update_of(model, image, [2]), hidden), CLIENT, wide)
    with pytest.raises(NotApplicableError, match="no scale fits"):
        known_of(evidence, wide, trunk_of(wide), [(3,), (4,)])


def test_several_examples_are_refused():
    model = pooled()
    wide, images = model.double(), images_of(model, 2)
    evidence = completed(seen(model, update_of(model, images, [1, 2])), CLIENT, wide)
    with pytest.raises(NotApplicableError, match="one example"):
        known_of(evidence, wide, trunk_of(wide), [(1, 2)])


def test_a_hidden_linear_layer_is_refused():
    model, image = pooled(), picture()
    wide, hidden = model.double(), coords_of(model, "7.weight")
    evidence = completed(seen(model, update_of(model, image, [2]), hidden), CLIENT, wide)
    with pytest.raises(NotApplicableError, match="too much"):
        known_of(evidence, wide, trunk_of(wide), [(2,)])


@pytest.mark.parametrize("ratio", [0.0, 0.1])
def test_at_the_truth_the_true_routes_explain_the_weight_gradient(ratio):
    layer, inputs, winners, _ = layer_of(pooled(), picture(), ratio)
    assert layer.misfit(layer.deltas(winners), inputs) < 1e-11
    assert layer.missed(inputs) < 1e-5
    wrong = winners.roll(1, -1)
    assert layer.misfit(layer.deltas(wrong), inputs) > 1e-2


def test_the_weight_gradient_tells_routes_that_rough_inputs_do_not():
    layer, inputs, winners, _ = layer_of(pooled(), picture())
    rough = inputs + 0.1 * inputs.std() * torch.randn(inputs.shape, generator=generator(), dtype=inputs.dtype)
    temperature = 0.4 * layer.missed(rough) * float(layer.features.square().mean().sqrt())
    right = winners[layer.active].bool()
    before = layer.hard(prior_shares(layer.block, rough, temperature))[layer.active][right].mean()
    after = layer.hard(layer.shares(rough, temperature, 1e-3))[layer.active][right].mean()
    assert before < 0.97
    assert after > before


def test_free_inputs_with_the_right_routes_explain_everything():
    layer, inputs, winners, _ = layer_of(pooled(), picture())
    rough = inputs + 0.05 * inputs.std() * torch.randn(
        inputs.shape, generator=generator(), dtype=inputs.dtype
    )
    found = FreeInputs(layer, layer.deltas(winners), winners, 1.0, 1e-9).solved(rough, 400)
    assert layer.misfit(layer.deltas(winners), rough) > 1e-4
    assert layer.misfit(layer.deltas(winners), found) < 1e-9


def distances(model, image):
    """Every objective of the chain, all of one image."""
    known, trunk = known_and_trunk(model, observed(model, image, ratio=0.1))
    layer, inputs, winners, _ = layer_of(model, image, 0.1)
    wide, shape = model.double(), image.shape[1:]
    return {
        "smooth": TrunkDistance(wide, trunk, known, Box(), 1e2, 0.5, 3.0),
        "real": TrunkDistance(wide, trunk, known, Box(), 1e2, 0.5),
        "features": TrunkDistance(wide, trunk, known, Box(), 1e2, 0.0),
        "routed": RoutedDistance(trunk, 1, layer, layer.deltas(winners), Box(), shape, 1e2),
        "pooled": PooledDistance(trunk.blocks[0], inputs, Box(), shape, 0.1),
    }


@pytest.mark.parametrize("name", ["smooth", "real", "features", "routed", "pooled"])
def test_gradients_are_those_of_the_values(name):
    model, image = pooled(), picture()
    objective = distances(model, image)[name]
    points = (0.8 * image + 0.1 * picture(seed=5)).double().reshape(1, -1)
    direction = torch.randn(points.shape, generator=generator(), dtype=torch.float64)
    ahead, behind = (objective(points + step * direction)[0] for step in (1e-7, -1e-7))
    torch.testing.assert_close(
        (ahead - behind) / 2e-7, (objective(points)[1] * direction).sum(1), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("name", ["real", "features", "routed", "pooled"])
def test_the_truth_is_the_minimum(name):
    model, image = pooled(), picture()
    objective = distances(model, image)[name]
    assert (
        objective(image.double().reshape(1, -1))[0]
        < 1e-5 * objective(picture(seed=5).double().reshape(1, -1))[0]
    )


def test_the_energy_of_masked_readings_is_that_of_as_many_average_ones():
    whole, *_ = layer_of(pooled(), picture())
    masked, *_ = layer_of(pooled(), picture(), ratio=0.1)
    assert whole.energy == pytest.approx(float(whole.gradient.square().sum()), rel=1e-2)
    share = float(masked.mask.mean())
    assert masked.energy == pytest.approx(share * whole.energy, rel=1e-2)
    assert float(masked.gradient.square().sum()) < 0.8 * masked.energy


def test_the_energy_of_the_convolutions_is_that_of_their_readings():
    model, image = pooled(), picture()
    observation = observed(model, image)
    known, trunk = known_and_trunk(model, observation)
    gradient = observation.about(CLIENT)[0].values
    expected = np.square(gradient[coords_of(model, "0.weight", "0.bias", "3.weight", "3.bias")]).sum()
    assert float(convolutions_energy(known, trunk)) == pytest.approx(expected, rel=1e-5)
