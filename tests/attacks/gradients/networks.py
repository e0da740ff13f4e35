"""Small networks around one layer, and their gradients by plain autograd, one row at a time."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from attacks import Model
from attacks.gradients import Target, Targets
from tests.attacks.cases import generator

CLASSES = 3
ROWS, VICTIMS, EXAMPLES = 4, 2, 3


@dataclass(frozen=True)
class Kind:
    """A layer under test: how it is made and what it sees."""

    make: Callable[[], nn.Module]
    shape: tuple[int, ...]


def _conv1d(**settings):
    return Kind(lambda: nn.Conv1d(4, 6, 3, **settings), (4, 9))


def _conv2d(kernel=3, **settings):
    return Kind(lambda: nn.Conv2d(4, 6, kernel, **settings), (4, 7, 6))


KINDS = {
    "conv1d": _conv1d(),
    "conv1d-stride-padding-dilation": _conv1d(stride=2, padding=2, dilation=2),
    "conv1d-same-groups": _conv1d(padding="same", groups=2, bias=False),
    "conv1d-circular": _conv1d(padding=1, padding_mode="circular"),
    "conv2d": _conv2d(),
    "conv2d-no-bias": _conv2d(bias=False),
    "conv2d-stride-padding": _conv2d(stride=2, padding=1),
    "conv2d-tuples": _conv2d(kernel=(3, 2), stride=(2, 1), padding=(0, 2), dilation=(1, 2)),
    "conv2d-same": _conv2d(kernel=(4, 3), padding="same", dilation=(1, 2)),
    "conv2d-valid": _conv2d(padding="valid"),
    "conv2d-circular": _conv2d(padding=(1, 2), padding_mode="circular"),
    "conv2d-reflect-same": _conv2d(padding="same", padding_mode="reflect"),
    "conv2d-replicate": _conv2d(padding=1, padding_mode="replicate", stride=3),
    "conv2d-groups": _conv2d(groups=2, padding=1),
    "conv2d-depthwise": Kind(lambda: nn.Conv2d(4, 8, 3, groups=4, bias=False), (4, 5, 5)),
    "linear": Kind(lambda: nn.Linear(7, 5), (7,)),
    "linear-no-bias": Kind(lambda: nn.Linear(7, 5, bias=False), (7,)),
    "linear-positions": Kind(lambda: nn.Linear(6, 5), (4, 6)),
    "linear-many-positions": Kind(lambda: nn.Linear(6, 5), (2, 4, 6)),
    "batchnorm1d": Kind(lambda: nn.BatchNorm1d(6), (6,)),
    "batchnorm1d-signal": Kind(lambda: nn.BatchNorm1d(4), (4, 5)),
    "batchnorm2d": Kind(lambda: nn.BatchNorm2d(3), (3, 4, 5)),
    "batchnorm2d-not-affine": Kind(lambda: nn.BatchNorm2d(3, affine=False), (3, 4, 5)),
    "batchnorm3d": Kind(lambda: nn.BatchNorm3d(2), (2, 2, 3, 3)),
    "layernorm": Kind(lambda: nn.LayerNorm(6), (4, 6)),
    "layernorm-all": Kind(lambda: nn.LayerNorm((3, 4, 5)), (3, 4, 5)),
    "layernorm-no-bias": Kind(lambda: nn.LayerNorm((4, 5), bias=False), (3, 4, 5)),
    "groupnorm": Kind(lambda: nn.GroupNorm(2, 4), (4, 3, 3)),
    "groupnorm-flat": Kind(lambda: nn.GroupNorm(2, 6), (6,)),
    "instancenorm1d": Kind(lambda: nn.InstanceNorm1d(3, affine=True), (3, 5)),
    "instancenorm2d-running": Kind(
        lambda: nn.InstanceNorm2d(3, affine=True, track_running_stats=True), (3, 4, 4)
    ),
    "prelu": Kind(nn.PReLU, (3, 4)),
    "prelu-channels": Kind(lambda: nn.PReLU(3), (3, 4)),
}

BATCH_NORMS = tuple(name for name in KINDS if name.startswith("batchnorm"))


def network_of(kind, seed=0):
    """The layer between a scale of its own inputs and a linear classifier; every tensor is random."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = kind.make().double()
        width = layer(torch.rand(2, *kind.shape, dtype=torch.float64)).flatten(1).shape[1]
        layers = (layer, nn.Tanh(), nn.Flatten(), nn.Linear(width, CLASSES))
        network = nn.Sequential(*layers).double()
        for tensor in [*network.parameters(), *network.buffers()]:
            if tensor.is_floating_point():
                tensor.data.uniform_(0.2, 0.9)
    return network


def batch_of(shape, rows=ROWS, examples=EXAMPLES, seed=1):
    """Images (R, B, *shape) in [-1, 1] and labels (R, B)."""
    rng = generator(seed)
    images = 2 * torch.rand(rows, examples, *shape, generator=rng, dtype=torch.float64) - 1
    return images, torch.randint(CLASSES, (rows, examples), generator=rng)


def plain_gradients(network, images, labels):
    """Autograd's gradients (R, P) of a network as it is, one row after the other, in its own mode."""
    rows = []
    for one, label in zip(images, labels, strict=True):
        loss = F.cross_entropy(network(one), label, reduction="sum")
        trained = [p for p in network.parameters() if p.requires_grad]
        gradients = torch.autograd.grad(loss, trained, materialize_grads=True)
        rows.append(torch.cat([gradient.flatten() for gradient in gradients]))
    return torch.stack(rows)


def model_of(network, shape, batch_norm="running"):
    """The adversary's copy."""
    return Model(copy.deepcopy(network), shape, CLASSES, batch_norm)


def random_values(model, seed=2):
    """Readings (V, P) of no gradient in particular."""
    dtype = model.dtype
    return torch.randn(VICTIMS, model.layout.size, generator=generator(seed), dtype=dtype)


WEIGHTS = ("uniform", "masked", "graded", "hidden")


def weights_of(kind, model, seed=3):
    """Weights (V, P): the same everywhere, element masks, any, or the first tensor unread."""
    drawn = torch.rand(VICTIMS, model.layout.size, generator=generator(seed), dtype=model.dtype)
    if kind == "uniform":
        return torch.ones_like(drawn) * torch.tensor([[1.0], [2.5]], dtype=model.dtype)
    if kind == "hidden":
        drawn[:, : next(iter(model.layout.slices.values())).stop] = 0
    return (drawn > 0.5).to(model.dtype) if kind == "masked" else drawn


def targets_of(model, values, weights):
    """Readings (V, P) with weights (V, P), split by parameter."""
    values = torch.where(weights > 0, values, 0.0)
    blocks = {name: Target(values[:, part], weights[:, part]) for name, part in model.layout.slices.items()}
    noise = values.new_zeros(len(values))
    return Targets(blocks, noise, values.square().mean(1), EXAMPLES)
