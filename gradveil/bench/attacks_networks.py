"""The networks that attacks are timed on, as the gradient-leakage literature uses them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import torch
from torch import nn

from gradveil.models.convolutional import convnet64, fedavg_cnn, lenet
from gradveil.models.residual import resnet18

CLASSES = 10

Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Network:
    """How to build a network, and the images (C, H, W) that it sees."""

    build: Callable[[Shape, int], nn.Module]
    shape: Shape


def cifar_resnet18(shape: Shape, classes: int) -> nn.Module:
    """ResNet-18 with a 3x3 stem and without the first pooling, as is customary on images of 32x32."""
    network = resnet18(shape, classes)
    network.conv1 = nn.Conv2d(shape[0], 64, 3, padding=1, bias=False)
    network.maxpool = nn.Identity()
    return network


NETWORKS: Mapping[str, Network] = MappingProxyType(
    {
        "LeNet": Network(lenet, (3, 32, 32)),
        "FedAvg CNN": Network(fedavg_cnn, (1, 28, 28)),
        "ConvNet-64": Network(convnet64, (3, 32, 32)),
        "ResNet-18": Network(cifar_resnet18, (3, 32, 32)),
        "ResNet-18 (ImageNet)": Network(resnet18, (3, 224, 224)),
    }
)


@lru_cache
def parameters(name: str, shape: Shape) -> int:
    """How many parameters a network has for images of this shape; allocates none of them."""
    with torch.device("meta"):
        network = NETWORKS[name].build(shape, CLASSES)
    return sum(parameter.numel() for parameter in network.parameters())
