"""The networks by name, freshly initialised from a seed."""

from collections.abc import Callable

import torch
from torch import nn

from gradveil.exchange import GradveilError
from gradveil.models.convolutional import cnn, convnet64, fedavg_cnn, lenet, lenet4
from gradveil.models.dense import relu_mlp
from gradveil.models.residual import resnet18, resnet20

NETWORKS: dict[str, Callable[[tuple[int, int, int], int], nn.Module]] = {
    "lenet": lenet,
    "lenet4": lenet4,
    "cnn": cnn,
    "fedavg_cnn": fedavg_cnn,
    "relu_mlp": relu_mlp,
    "convnet64": convnet64,
    "resnet18": resnet18,
    "resnet20": resnet20,
}


def build(name: str, input_shape: tuple[int, int, int], classes: int, seed: int) -> nn.Module:
    """A network with weights that depend on the seed only; torch's global generator is left as it was.

    Raises:
        GradveilError: unknown name, or images too small for this network.
    """
    if name not in NETWORKS:
        raise GradveilError(f"no model {name!r}; choose among {', '.join(NETWORKS)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return NETWORKS[name](input_shape, classes)
