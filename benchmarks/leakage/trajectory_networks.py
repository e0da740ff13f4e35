"""The networks that the Bayes paper broke defenses on, at sizes that one processor core can train."""

from torch import nn

_CHANNELS, _HIDDEN = (32, 64), (32, 32)


def small_convbig(input_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Two average-pooled convolutions, 3x3 and 1x1, and three linear layers with ReLUs between.

    Source: the ConvBig of Balunovic et al. 2022 (ICLR, published code, defence_attacks/soteria) with all its
    channels, and twice 32 hidden units instead of 2000 and 1000.
    """
    channels, height, width = input_shape
    first, second = _CHANNELS
    wide, narrow = _HIDDEN
    return nn.Sequential(
        nn.Conv2d(channels, first, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(first, second, 1, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(second * _pooled(height) * _pooled(width), wide),
        nn.ReLU(),
        nn.Linear(wide, narrow),
        nn.ReLU(),
        nn.Linear(narrow, classes),
    )


FEATURES = "9"
"""Of `small_convbig`, the layer that sees the features behind the first linear layer, which Soteria masks."""


def _pooled(extent: int) -> int:
    """Behind a pooling by two, a border of one on each side, and another pooling."""
    return (extent // 2 + 2) // 2
