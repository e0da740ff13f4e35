"""Networks follow from their seed, fit any input, and leave torch's own generator alone."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gradveil.exchange import GradveilError
from gradveil.models import NETWORKS, build

SHAPE = (1, 28, 28)
LEAST_SIDE = {"bayes_cnn": 4, "fedavg_cnn": 4, "convnet64": 9, "vit": 4, "attention_first": 4}


def weights(name, seed):
    return torch.cat([tensor.flatten() for tensor in build(name, SHAPE, 10, seed).state_dict().values()])


@pytest.mark.parametrize("name", NETWORKS)
def test_the_seed_alone_decides_the_weights(name):
    first = weights(name, 3)
    torch.rand(5)
    assert torch.equal(first, weights(name, 3))
    assert not torch.equal(first, weights(name, 4))


@pytest.mark.parametrize("name", NETWORKS)
def test_torchs_own_generator_is_left_alone(name):
    before = torch.get_rng_state()
    build(name, SHAPE, 10, seed=0)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("name", NETWORKS)
@given(st.data())
@settings(max_examples=20)
def test_every_input_shape_gives_one_logit_for_each_class(name, data):
    side = st.integers(LEAST_SIDE.get(name, 1), 33)
    shape = data.draw(st.tuples(st.sampled_from([1, 3]), side, side))
    classes = data.draw(st.integers(2, 12))
    network = build(name, shape, classes, 0).eval()
    assert network(torch.zeros(2, *shape)).shape == (2, classes)


@pytest.mark.parametrize(("name", "side"), LEAST_SIDE.items())
@pytest.mark.parametrize("place", [1, 2])
def test_images_too_small_to_pool_are_refused(name, side, place):
    shape = [3, 32, 32]
    shape[place] = side - 1
    with pytest.raises(GradveilError, match=f"{name} needs images of {side} x {side} pixels or more"):
        build(name, tuple(shape), 10, 0)


@pytest.mark.parametrize(
    ("name", "shape", "classes", "count"),
    [
        ("lenet", (1, 28, 28), 10, 13_426),
        ("fedavg_cnn", (1, 28, 28), 10, 1_663_370),  # McMahan et al. 2017, section 3
        ("convnet64", (3, 32, 32), 10, 2_904_970),  # breaching's notebooks
        ("relu_mlp", (3, 32, 32), 10, 777_410),
        ("funnel_mlp", (3, 32, 32), 10, 2_800_266),
        ("resnet18", (3, 224, 224), 1000, 11_689_512),  # torchvision's documentation
        ("cnn6", (3, 32, 32), 10, 154_266),  # breaching's notebook on R-GAP
        ("vit", (3, 32, 32), 10, 1_803_850),
        ("vgg11", (3, 32, 32), 10, 9_231_114),  # the convolutions of the paper's table 1 and their scales
        ("resnet20", (3, 32, 32), 10, 269_722),  # He et al. 2016, table 6: 0.27 million
    ],
)
def test_a_network_has_the_size_of_the_literature(name, shape, classes, count):
    parameters = build(name, shape, classes, 0).parameters()
    assert sum(parameter.numel() for parameter in parameters) == count


def test_lenet_starts_between_minus_and_plus_a_half():
    found = weights("lenet", 0)
    assert 0.49 < found.max() <= 0.5
    assert -0.5 <= found.min() < -0.49


def test_resnet18_takes_the_channels_of_the_images():
    gray, colour = (build("resnet18", (channels, 28, 28), 10, 0).eval() for channels in (1, 3))
    assert gray.conv1.weight.shape == (64, 1, 7, 7)
    assert list(gray.state_dict()) == list(colour.state_dict())
    # Of the gain that keeps the variance of ReLU features: 2 over 64 outputs of 49 taps.
    assert float(gray.conv1.weight.detach().var()) == pytest.approx(2 / (64 * 49), rel=0.1)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(GradveilError, match="no model 'resnet'; choose among lenet, lenet4, lenet_bn, cnn"):
        build("resnet", SHAPE, 10, 0)
