"""ResNet-20 is the network of the common CIFAR-10 checkpoints."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gradveil.data import load
from gradveil.models import IMAGENET, build, normalised
from gradveil.models.residual import _Block
from tests.shared_data import shared

SHAPE = (3, 32, 32)


def test_a_shortcut_skips_pixels_and_pads_channels_on_both_sides():
    block = _Block(4, 8, stride=2).eval()
    nn.init.zeros_(block.bn2.weight)  # nothing but the shortcut is left
    images = torch.rand(2, 4, 6, 6)
    assert torch.equal(block(images)[:, 2:6], images[:, :, ::2, ::2])
    assert not block(images)[:, [0, 1, 6, 7]].any()


def test_a_block_of_one_width_adds_its_input():
    block = _Block(4, 4, stride=1).eval()
    images = torch.randn(2, 4, 6, 6)
    inner = F.relu(block.bn1(F.conv2d(images, block.conv1.weight, padding=1)))
    outer = block.bn2(F.conv2d(inner, block.conv2.weight, padding=1))
    torch.testing.assert_close(block(images), F.relu(outer + images))


def test_resnet20_has_twenty_weighted_layers():
    layers = [m for m in build("resnet20", SHAPE, 10, 0).modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == 20


def test_trained_weights_classify_the_test_images():
    """The checkpoint's 92 % are of the original images; as JPEG they lose a tenth."""
    from safetensors.torch import load_file

    weights, images = shared("resnet20_cifar10.safetensors"), shared("cifar10_test_2k.npz")
    network = build("resnet20", SHAPE, 10, 0)
    network.load_state_dict(load_file(weights), strict=True)
    network = normalised(network, *IMAGENET).eval()
    data = load(f"npz:{images}")
    with torch.no_grad():
        parts = [network(part).argmax(1) for part in torch.from_numpy(data.images).split(100)]
    assert np.mean(torch.cat(parts).numpy() == data.labels) == pytest.approx(0.8135, abs=0.005)
