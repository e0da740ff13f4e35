"""Fully connected classifiers."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from torch import nn

_WIDTHS = (200,) * 5
_FUNNEL_WIDTHS = (*(500,) * 5, 256, 500)
_FUNNEL_BOUND = 0.05


def relu_mlp(input_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Six linear layers with ReLUs between and 200 hidden units each, torch's default weights.

    The kind of network that Dimitrov et al. 2024 (SPEAR) attack; 777,410 parameters at 3x32x32, 10 classes.
    """
    return nn.Sequential(nn.Flatten(), *_layers(math.prod(input_shape), _WIDTHS, classes))


def funnel_mlp(input_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Five hidden layers of 500 ReLUs, one of 256 and one of 500, weights U(-0.05, 0.05).

    With a bottleneck in front of the last layer but one, `13`, this is the network that Balunovic et al. 2022
    (ICLR) attack behind PRECODE, by its code; 2,800,266 parameters at 3x32x32 and 10 classes.
    """
    network = nn.Sequential(nn.Flatten(), *_layers(math.prod(input_shape), _FUNNEL_WIDTHS, classes))
    for parameter in network.parameters():
        nn.init.uniform_(parameter, -_FUNNEL_BOUND, _FUNNEL_BOUND)
    return network


def _layers(inputs: int, widths: Sequence[int], classes: int) -> Iterator[nn.Module]:
    for before, width in pairwise((inputs, *widths)):
        yield nn.Linear(before, width)
        yield nn.ReLU()
    yield nn.Linear(widths[-1], classes)
