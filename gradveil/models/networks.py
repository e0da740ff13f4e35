"""The networks by name, freshly initialised from a seed."""

from collections.abc import Callable

import torch
from torch import nn

from gradveil.exchange import GradveilError
from gradveil.models.averaging import bayes_cnn
from gradveil.models.convolutional import cnn, convnet64, fedavg_cnn, lenet, lenet4, lenet_bn
from gradveil.models.dense import funnel_mlp, relu_mlp
from gradveil.models.recursive import cnn6
from gradveil.models.residual import resnet18, resnet20
from gradveil.models.transformer import decoder, encoder
from gradveil.models.vgg import vgg11
from gradveil.models.vision_transformer import attention_first, vit

NETWORKS: dict[str, Callable[[tuple[int, int, int], int], nn.Module]] = {
    "lenet": lenet,
    "lenet4": lenet4,
    "lenet_bn": lenet_bn,
    "cnn": cnn,
    "bayes_cnn": bayes_cnn,
    "fedavg_cnn": fedavg_cnn,
    "relu_mlp": relu_mlp,
    "funnel_mlp": funnel_mlp,
    "convnet64": convnet64,
    "resnet18": resnet18,
    "resnet20": resnet20,
    "vgg11": vgg11,
    "cnn6": cnn6,
    "vit": vit,
    "attention_first": attention_first,
}


TEXT_NETWORKS: dict[str, Callable[..., nn.Module]] = {"decoder": decoder, "encoder": encoder}
"""Networks of tokens; they are given the longest sequence, the vocabulary's size and sizes of their own."""


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


def build_text(name: str, length: int, vocabulary: int, seed: int, **sizes: int) -> nn.Module:
    """A network of tokens (N, T), likewise.

    Args:
        name: in `TEXT_NETWORKS`.
        length: T of the longest sequence.
        vocabulary: number of tokens.
        seed: what the weights depend on.
        sizes: other arguments of the network, such as `width`.

    Raises:
        GradveilError: unknown name, or sizes that do not fit together.
    """
    if name not in TEXT_NETWORKS:
        raise GradveilError(f"no text model {name!r}; choose among {', '.join(TEXT_NETWORKS)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return TEXT_NETWORKS[name](length, vocabulary, **sizes)
