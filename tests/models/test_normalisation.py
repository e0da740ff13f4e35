"""A normalised network is the same function of normalised images, under the same names."""

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
