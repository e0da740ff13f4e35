"""Residual networks."""

from torch import Tensor, nn
from torch.nn import functional as F

from gradveil.torchvision_ops import define_missing_ops


def resnet18(input_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """ResNet-18 as in torchvision, with its own initial weights; for any number of channels.

    Source: He et al. 2016 (CVPR), table 1.
    """
    define_missing_ops()
    from torchvision import models

    network: nn.Module = models.resnet18(weights=None, num_classes=classes)
    if input_shape[0] != 3:
        network.conv1 = nn.Conv2d(input_shape[0], 64, 7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")
    return network


def resnet20(input_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """ResNet-20 for small images; parameter-free shortcuts (option A), initial weights of He et al. 2015.

    The names of its state are those of the common CIFAR-10 checkpoints (conv1, bn1, layer1.0.conv1 ...
    linear), which expect normalised inputs: `normalised(network, *IMAGENET)`.

    Source: He et al. 2016 (CVPR), section 4.2, n = 3.
    """
    network = _CifarResNet(input_shape[0], classes, depth=3)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)
    return network


class _CifarResNet(nn.Module):
    """Three groups of `depth` blocks, of 16, 32 and 64 channels, each group at half the side of the last."""

    def __init__(self, channels: int, classes: int, depth: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU()
        self.layer1 = _group(16, 16, 1, depth)
        self.layer2 = _group(16, 32, 2, depth)
        self.layer3 = _group(32, 64, 2, depth)
        self.linear = nn.Linear(64, classes)

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.relu(self.bn1(self.conv1(images)))
        hidden = self.layer3(self.layer2(self.layer1(hidden)))
        logits: Tensor = self.linear(hidden.mean((2, 3)))
        return logits


class _Block(nn.Module):
    """Two 3x3 convolutions around a shortcut that skips pixels and pads channels with zeros."""

    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inner, outer, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outer)
        self.conv2 = nn.Conv2d(outer, outer, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outer)
        self.relu = nn.ReLU()
        self._stride, self._missing = stride, outer - inner

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(images)))))
        activated: Tensor = self.relu(hidden + self._shortcut(images))
        return activated

    def _shortcut(self, images: Tensor) -> Tensor:
        skipped = images[:, :, :: self._stride, :: self._stride]
        before = self._missing // 2
        return F.pad(skipped, (0, 0, 0, 0, before, self._missing - before))


def _group(inner: int, outer: int, stride: int, depth: int) -> nn.Sequential:
    rest = [_Block(outer, outer, 1) for _ in range(depth - 1)]
    return nn.Sequential(_Block(inner, outer, stride), *rest)
