"""Networks that rows of images may not simply pass through side by side, and some that look like it."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

SHAPE = (2, 6, 6)
CLASSES = 3


class Residual(nn.Module):
    """A block as torchvision writes it: ReLU in place, the identity added in place."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.conv2, self.bn2 = nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.down = nn.Sequential(nn.Conv2d(2, 4, 1, bias=False), nn.BatchNorm2d(4))
        self.relu = nn.ReLU(inplace=True)
        self.fc = nn.Linear(4, CLASSES)

    def forward(self, images):
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(images)))))
        out += self.down(images)
        out = F.relu(out, inplace=True)
        return self.fc(out.mean((2, 3)))


class Attention(nn.Module):
    """Self-attention over pixels."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(2, 1, batch_first=True)
        self.fc = nn.Linear(72, CLASSES)

    def forward(self, images):
        pixels = images.flatten(2).mT
        return self.fc(self.attention(pixels, pixels, pixels, need_weights=False)[0].flatten(1))


class Bilinear(nn.Module):
    """A layer of two inputs."""

    def __init__(self):
        super().__init__()
        self.first, self.product = nn.Linear(72, 4), nn.Bilinear(4, 4, CLASSES)

    def forward(self, images):
        features = self.first(images.flatten(1)).sigmoid()
        return self.product(features, features.square())


class Shared(nn.Module):
    """One layer that is called twice."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(2, 2, 3, padding=1), nn.Linear(72, CLASSES)

    def forward(self, images):
        return self.fc(self.conv(self.conv(images).sigmoid()).sigmoid().flatten(1))


class Tied(nn.Module):
    """Two layers with one weight."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(72, 72), nn.Linear(72, 72)
        self.second.weight = self.first.weight
        self.fc = nn.Linear(72, CLASSES)

    def forward(self, images):
        return self.fc(self.second(self.first(images.flatten(1)).sigmoid()).sigmoid())


class Functional(nn.Module):
    """A parameter that no layer owns."""

    def __init__(self):
        super().__init__()
        self.scale, self.fc = nn.Parameter(torch.rand(2, 1, 1)), nn.Linear(72, CLASSES)

    def forward(self, images):
        return self.fc((images * self.scale).flatten(1))


class Borrowed(nn.Module):
    """A layer that is called once, and its weight used once more."""

    def __init__(self):
        super().__init__()
        self.encoder, self.fc = nn.Linear(72, 5), nn.Linear(72, CLASSES)

    def forward(self, images):
        code = self.encoder(images.flatten(1)).sigmoid()
        return self.fc(F.linear(code, self.encoder.weight.T).sigmoid())


class Centred(nn.Module):
    """Examples are centred by the mean of their batch."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(72, CLASSES)

    def forward(self, images):
        flat = images.flatten(1)
        return self.fc(flat - flat.square().mean(0))


class Unused(nn.Module):
    """A second head whose output goes nowhere."""

    def __init__(self):
        super().__init__()
        self.fc, self.auxiliary = nn.Linear(72, CLASSES), nn.Linear(72, 2)

    def forward(self, images):
        self.auxiliary(images.flatten(1))
        return self.fc(images.flatten(1))


def _normed():
    return nn.Sequential(nn.Flatten(), weight_norm(nn.Linear(72, 5)), nn.Sigmoid(), nn.Linear(5, CLASSES))


def _spectral():
    layer = nn.utils.spectral_norm(nn.Linear(72, 5))
    return nn.Sequential(nn.Flatten(), layer, nn.Sigmoid(), nn.Linear(5, CLASSES))


MAPPED = {
    "attention": Attention,
    "bilinear": Bilinear,
    "shared-layer": Shared,
    "tied-weight": Tied,
    "functional-parameter": Functional,
    "borrowed-weight": Borrowed,
    "mixed-examples": Centred,
    "weight-norm": _normed,
    "spectral-norm": _spectral,
}

BATCHED = {"residual": Residual, "unused-head": Unused}


def built(make):
    """The network in eval mode and double precision, the same every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = make().double().eval()
        for name, tensor in network.named_buffers():
            if "running" in name:
                tensor.uniform_(0.2, 0.9)
    return network
