"""Clients with a secret, written with plain torch: a network, what it hides, and what its server reads."""

import copy
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from attacks import Model
from attacks.nuisances import ChannelScaleShift, DropoutMask, Nuisance, UpstreamGradient, VariationalNoise
from gradveil.exchange import Update
from tests.attacks.cases import generator

SHAPE = (1, 8, 8)
CLASSES = 4
RATE = 0.4
KL = 0.01


class MeanOrSample(nn.Module):
    """The latent code: the means in eval mode, a sample if noise is given."""

    noise = None

    def forward(self, statistics):
        mean, log_variance = statistics.chunk(2, dim=1)
        return mean if self.noise is None else mean + (log_variance / 2).exp() * self.noise


def network(kind):
    """A sigmoid network with a layer named `site`."""
    middle = {
        "channels": {"site": nn.BatchNorm2d(6, affine=False), "act": nn.Sigmoid()},
        "dropout": {"act": nn.Sigmoid(), "site": nn.Dropout(RATE)},
        "upstream": {"site": nn.Sigmoid()},
        "variational": {"act": nn.Sigmoid()},
    }[kind]
    width = 6 * 6 * 6
    head = {
        "flat": nn.Flatten(),
        "fc": nn.Linear(width, 24),
        "act2": nn.Sigmoid(),
        "out": nn.Linear(24, CLASSES),
    }
    if kind == "variational":
        code = {"site": nn.Linear(width, 32), "code": MeanOrSample(), "out": nn.Linear(16, CLASSES)}
        head = {"flat": nn.Flatten(), **code}
    network = nn.Sequential()
    for name, layer in {"conv": nn.Conv2d(1, 6, 3), **middle, **head}.items():
        network.add_module(name, layer)
    rng = generator(11)
    for parameter in network.parameters():
        parameter.data.copy_(torch.rand(parameter.shape, generator=rng) - 0.5)
    return network.eval()


@dataclass(frozen=True, eq=False)
class Client:
    """A network, the true secret (values of the nuisance, one row), and the nuisance that models it."""

    network: nn.Module
    secret: torch.Tensor
    nuisance: Nuisance

    def model(self, dtype=torch.float32):
        """The public network."""
        return Model(copy.deepcopy(self.network).to(dtype), SHAPE, CLASSES)

    def gradients(self, images, labels):
        """Autograd's gradient of this client's own loss of images (B, ...), as one vector."""
        network = copy.deepcopy(self.network).to(images.dtype)
        loss = _LOSSES[type(self.nuisance)](network, self.secret[0].to(images.dtype), images, labels)
        return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(network.parameters()))])

    def update(self, images, labels):
        """What it sends."""
        model = self.model()
        mean = self.gradients(images.double(), labels) / len(images)
        return Update(model.layout, mean.float().numpy(), len(images))


def client(kind, examples=1):
    """A client of this kind with a secret of its own."""
    rng = generator(12)
    net = network(kind)
    if kind == "channels":
        scale_shift = torch.stack((0.3 + 1.5 * torch.rand(6, generator=rng), torch.randn(6, generator=rng)))
        return Client(net, scale_shift[None], ChannelScaleShift("site"))
    if kind == "dropout":
        kept = (torch.rand(1, examples, 6, 6, 6, generator=rng) > RATE).float()
        return Client(net, 200 * kept - 100, DropoutMask("site", RATE))
    if kind == "variational":
        noise = torch.randn(1, examples, 16, generator=rng)
        return Client(net, noise, VariationalNoise("site", divergence=KL))
    upstream = 0.3 * torch.randn(1, examples, 6, 6, 6, generator=rng)
    return Client(net, upstream, UpstreamGradient("site"))


KINDS = ("channels", "dropout", "variational", "upstream")


def _hooked(network, change, images):
    outputs = []

    def hook(module, inputs, output):
        outputs.append(change(output))
        return outputs[-1]

    handle = network.site.register_forward_hook(hook)
    logits = network(images)
    handle.remove()
    return logits, outputs[0]


def _channels(network, secret, images, labels):
    scale, shift = secret[:, None, :, None, None]
    logits, _ = _hooked(network, lambda output: scale * output + shift, images)
    return F.cross_entropy(logits, labels, reduction="sum")


def _dropout(network, secret, images, labels):
    kept = secret > 0
    logits, _ = _hooked(network, lambda output: output.where(kept, 0.0) / (1 - RATE), images)
    return F.cross_entropy(logits, labels, reduction="sum")


def _variational(network, secret, images, labels):
    network.code.noise = secret
    logits, statistics = _hooked(network, lambda output: output, images)
    mean, log_variance = statistics.chunk(2, dim=1)
    standard = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    code = torch.distributions.Normal(mean, (log_variance / 2).exp())
    divergence = torch.distributions.kl_divergence(code, standard).sum()
    return F.cross_entropy(logits, labels, reduction="sum") + KL * divergence


def _upstream(network, secret, images, labels):
    logits, features = _hooked(network, lambda output: output, images)
    return F.cross_entropy(logits, labels, reduction="sum") + (secret * features).sum()


_LOSSES = {
    ChannelScaleShift: _channels,
    DropoutMask: _dropout,
    VariationalNoise: _variational,
    UpstreamGradient: _upstream,
}
