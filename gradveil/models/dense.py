"""Fully connected classifiers."""

import math
from collections.abc import Iterator

from torch import nn

_WIDTH, _DEPTH = 200, 6


def relu_mlp(input_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Six linear layers with ReLUs between and 200 hidden units each, torch's default weights.

    The kind of network that Dimitrov et al. 2024 (SPEAR) attack; 777,410 parameters at 3x32x32, 10 classes.
    """
    return nn.Sequential(nn.Flatten(), *_layers(math.prod(input_shape)), nn.Linear(_WIDTH, classes))


def _layers(inputs: int) -> Iterator[nn.Module]:
    for index in range(_DEPTH - 1):
        yield nn.Linear(_WIDTH if index else inputs, _WIDTH)
        yield nn.ReLU()
