"""Accuracy on images that nobody trained on."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from gradveil.data import Dataset

_HELD_OUT, _AT_ONCE = 1000, 500


def held_out(images: int) -> int:
    """How many of so many images are left out of a training: 1,000, or a fifth of a small data set."""
    return min(_HELD_OUT, images // 5)


@torch.no_grad()
def accuracy(network: nn.Module, dataset: Dataset, rows: NDArray[np.int64]) -> float:
    """Share of these images, at least one, that the network recognises, in the mode it is in."""
    device = next(network.parameters()).device
    parts = torch.split(torch.from_numpy(dataset.images[rows]), _AT_ONCE)
    found = torch.cat([network(part.to(device)).argmax(1).cpu() for part in parts])
    return float((found.numpy() == dataset.labels[rows]).mean())
