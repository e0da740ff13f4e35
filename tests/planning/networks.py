"""Networks for pictures of 1x8x9 in three classes."""

from torch import nn


def small():
    """Of 20,803 parameters, so that a slice fills ciphertexts of its own."""
    first = [nn.Conv2d(1, 4, 3), nn.Sigmoid(), nn.Flatten()]
    return nn.Sequential(*first, nn.Linear(4 * 6 * 7, 120), nn.Sigmoid(), nn.Linear(120, 3))


def normed():
    """With running statistics and a counter."""
    features = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU()]
    return nn.Sequential(*features, nn.Flatten(), nn.Linear(4 * 6 * 7, 3))
