"""Networks follow from their seed, fit any input, and leave torch's own generator alone."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gradveil.exchange import GradveilError
from gradveil.models import NETWORKS, build

SHAPE = (1, 28, 28)


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
@given(st.tuples(st.sampled_from([1, 3]), st.integers(1, 33), st.integers(1, 33)), st.integers(2, 12))
@settings(max_examples=20)
def test_every_input_shape_gives_one_logit_for_each_class(name, shape, classes):
    assert build(name, shape, classes, 0)(torch.zeros(2, *shape)).shape == (2, classes)


def test_lenet_starts_between_minus_and_plus_a_half():
    found = weights("lenet", 0)
    assert 0.49 < found.max() <= 0.5
    assert -0.5 <= found.min() < -0.49


def test_lenet_on_digits_has_the_size_of_the_literature():
    assert weights("lenet", 0).numel() == 13_426


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(GradveilError, match="no model 'resnet'; choose among lenet, cnn"):
        build("resnet", SHAPE, 10, 0)
