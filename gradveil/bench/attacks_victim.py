"""Whom the attacks are tried on: one image, and its gradient under a network with fixed weights."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gradveil.bench.attacks_networks import CLASSES, NETWORKS
from gradveil.bench.attacks_plan import DIGITS, Setting
from gradveil.data import Dataset, load

_SEED = 0


@dataclass(frozen=True, eq=False)
class Victim:
    """A client with one image.

    Attributes:
        network: in eval mode, on the device.
        image: (1, C, H, W) in [0, 1].
        label: (1,), granted to every adversary.
        gradients: of the cross-entropy, one for each parameter.
    """

    network: nn.Module
    image: Tensor
    label: Tensor
    gradients: tuple[Tensor, ...]

    @classmethod
    def of(cls, setting: Setting, data: str = DIGITS, number: int = 0) -> "Victim":
        """The same for the same number, whatever was drawn before.

        Args:
            setting: its network, its images and where all this lives.
            data: a source of images, see `gradveil.data.load`.
            number: which image.

        Raises:
            DataError: there are no such images.
        """
        network = _network(setting).eval().to(setting.device)
        image, label = (tensor.to(setting.device) for tensor in _picture(setting, data, number))
        loss = F.cross_entropy(network(image), label)
        return cls(network, image, label, torch.autograd.grad(loss, list(network.parameters())))


def _network(setting: Setting) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        return NETWORKS[setting.network].build(setting.shape, CLASSES)


def _picture(setting: Setting, data: str, number: int) -> tuple[Tensor, Tensor]:
    """An image of the first classes, scaled for the network; a gray one is the same in all channels."""
    images, (channels, *sides) = _images(data), setting.shape
    usable = np.flatnonzero(images.labels < CLASSES)
    index = np.random.default_rng(_SEED).permutation(usable)[number]
    scaled = F.interpolate(
        torch.from_numpy(images.images[index])[None], size=sides, mode="bilinear", align_corners=False
    )
    image = (
        scaled if scaled.shape[1] == channels else scaled.mean(1, keepdim=True).expand(-1, channels, -1, -1)
    )
    return image.contiguous(), torch.from_numpy(images.labels[index : index + 1])


@lru_cache(maxsize=2)
def _images(data: str) -> Dataset:
    return load(data)
