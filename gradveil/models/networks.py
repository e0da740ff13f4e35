"""Small classifiers of the gradient-leakage literature, freshly initialised from a seed."""

from collections.abc import Callable

import torch
from torch import nn

from gradveil.exchange import GradveilError


def lenet(input_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Sigmoid LeNet with weights U(-0.5, 0.5), three 5x5 convolutions and one linear layer.

    Source: Zhu et al. 2019 (DLG), section 4.1.
    """
    channels, height, width = input_shape
    network = nn.Sequential(
        nn.Conv2d(channels, 12, 5, stride=2, padding=2),
        nn.Sigmoid(),
        nn.Conv2d(12, 12, 5, stride=2, padding=2),
        nn.Sigmoid(),
        nn.Conv2d(12, 12, 5, padding=2),
        nn.Sigmoid(),
        nn.Flatten(),
        nn.Linear(12 * _quarter(height) * _quarter(width), classes),
    )
    for parameter in network.parameters():
        nn.init.uniform_(parameter, -0.5, 0.5)
    return network


def cnn(input_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """ReLU network with two strided 5x5 convolutions and two linear layers, torch's default weights."""
    channels, height, width = input_shape
    return nn.Sequential(
        nn.Conv2d(channels, 16, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * _quarter(height) * _quarter(width), 32),
        nn.ReLU(),
        nn.Linear(32, classes),
    )


NETWORKS: dict[str, Callable[[tuple[int, int, int], int], nn.Module]] = {"lenet": lenet, "cnn": cnn}


def build(name: str, input_shape: tuple[int, int, int], classes: int, seed: int) -> nn.Module:
    """A network with weights that depend on the seed only; torch's global generator is left as it was.

    Raises:
        GradveilError: unknown name.
    """
    if name not in NETWORKS:
        raise GradveilError(f"no model {name!r}; choose among {', '.join(NETWORKS)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return NETWORKS[name](input_shape, classes)


def _quarter(extent: int) -> int:
    """Extent after two convolutions of stride 2 with half padding."""
    return ((extent + 1) // 2 + 1) // 2
