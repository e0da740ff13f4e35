"""A normalised network is the same function of normalised images, under the same names."""

import copy
import pickle

import pytest
import torch
from torch.func import functional_call, vmap

from gradveil.models import IMAGENET, build, normalised

SHAPE = (3, 8, 8)


@pytest.fixture
def images():
    return torch.rand(2, *SHAPE, generator=torch.Generator().manual_seed(0))


def by_hand(images, mean, std):
    """The images with each channel shifted and scaled on its own."""
    pairs = zip(mean, std, strict=True)
    return torch.stack([(images[:, c] - m) / s for c, (m, s) in enumerate(pairs)], dim=1)


def test_images_are_normalised_channel_by_channel(images):
    expected = build("cnn", SHAPE, 4, 0)(by_hand(images, *IMAGENET))
    torch.testing.assert_close(normalised(build("cnn", SHAPE, 4, 0), *IMAGENET)(images), expected)


def test_one_mean_and_deviation_serve_all_channels(images):
    expected = build("cnn", SHAPE, 4, 0)(2 * images - 1)
    torch.testing.assert_close(normalised(build("cnn", SHAPE, 4, 0), (0.5,), (0.5,))(images), expected)


def test_names_of_parameters_and_state_stay():
    plain, changed = build("resnet20", SHAPE, 4, 0), normalised(build("resnet20", SHAPE, 4, 0), (0.5,), (1,))
    assert list(plain.state_dict()) == list(changed.state_dict())


def test_it_composes_with_functional_transforms(images):
    network = normalised(build("cnn", SHAPE, 4, 0), *IMAGENET)
    weights = dict(network.named_parameters())
    one_by_one = vmap(lambda image: functional_call(network, weights, (image[None],))[0])(images)
    torch.testing.assert_close(one_by_one, network(images))


def test_a_normalised_network_travels_to_worker_processes(images):
    network = normalised(build("cnn", SHAPE, 4, 0), *IMAGENET)
    travelled = pickle.loads(pickle.dumps(network))  # noqa: S301
    assert torch.equal(travelled(images), network(images))


def test_the_constants_follow_the_network(images):
    network = normalised(build("cnn", SHAPE, 4, 0), *IMAGENET).double()
    assert network(images.double()).dtype == torch.float64
    moved = normalised(build("cnn", SHAPE, 4, 0), *IMAGENET).to("meta")
    assert moved(images.to("meta")).device.type == "meta"


def test_a_pass_makes_no_tensor_of_its_own(images, monkeypatch):
    """A copy from the host inside a pass is what a CUDA graph cannot capture."""
    network = normalised(build("cnn", SHAPE, 4, 0), *IMAGENET)
    monkeypatch.setattr(torch, "tensor", None)
    assert network(images).shape == (2, 4)


def test_a_copy_keeps_its_own_constants(images):
    network = normalised(build("cnn", SHAPE, 4, 0), (0.5,), (1.0,))
    travelled = copy.deepcopy(network)
    travelled.get_buffer("_input_mean_0").fill_(0.25)
    torch.testing.assert_close(travelled(images - 0.25), network(images))


def test_two_normalisations_follow_each_other(images):
    expected = build("cnn", SHAPE, 4, 0)((images - 0.5) / 0.25 - 1)
    network = normalised(normalised(build("cnn", SHAPE, 4, 0), (0.5,), (0.25,)), (1.0,), (1.0,))
    torch.testing.assert_close(network(images), expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need a CUDA device")
def test_a_normalised_network_can_be_captured(images):
    network, there = normalised(build("cnn", SHAPE, 4, 0), *IMAGENET).cuda(), images.cuda()
    expected = network(there)
    graph = torch.cuda.CUDAGraph()
    with torch.no_grad(), torch.cuda.graph(graph):
        output = network(there)
    graph.replay()
    torch.testing.assert_close(output, expected)
