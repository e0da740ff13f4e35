"""VGG networks for small images."""

from collections.abc import Iterator

from torch import nn

_GROUPS = ((64,), (128,), (256, 256), (512, 512), (512, 512))
"""Output channels of the convolutions between two poolings."""


def vgg11(input_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """VGG-11 with batch normalisation and one linear layer, the initial weights of torchvision's.

    Poolings of odd extents round up, so that any image fits; 9,231,114 parameters at 3x32x32 and 10 classes.

    Source: Simonyan and Zisserman 2015 (ICLR), table 1, configuration A, without the two hidden linear layers
        and the dropout that it has for images of 224 pixels.
    """
    _, height, width = input_shape
    features = _GROUPS[-1][-1] * -(-height // 32) * -(-width // 32)
    network = nn.Sequential(*_layers(input_shape), nn.Flatten(), nn.Linear(features, classes))
    for module in network:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
    return network


def _layers(input_shape: tuple[int, int, int]) -> Iterator[nn.Module]:
    inner, height, width = input_shape
    for group in _GROUPS:
        for outer in group:
            yield nn.Conv2d(inner, outer, 3, padding=1)
            yield nn.BatchNorm2d(outer)
            yield nn.ReLU()
            inner = outer
        yield nn.MaxPool2d(2, ceil_mode=bool(height % 2 or width % 2))
        height, width = (height + 1) // 2, (width + 1) // 2
