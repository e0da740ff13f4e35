"""Clients with locks of their own: federated averaging, accuracies, and what a server reads of one."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from attacks import Model
from attacks.locked import batch_moments
from attacks.priors import Moments
from benchmarks.leakage.common import CLIENT, cifar10
from gradveil.data import Dataset, load
from gradveil.defenses.model.key_lock import Key, KeyLock
from gradveil.defenses.model.key_lock.defense import lock_values
from gradveil.exchange import Clear, Knowledge, Observation, Update, Upload, observe
from gradveil.models import build

Locking = Literal["none", "relu", "sigmoid"]
Mode = Literal["eval", "train"]
LOCKED: tuple[Locking, ...] = ("relu", "sigmoid")

CLIENTS, BATCH, RATE = 3, 16, 5e-3
FEW = 50
"""Labelled images of its own that a malicious server fits a lock to."""


@dataclass(frozen=True)
class Federation:
    """What is trained on what, and for how long.

    Attributes:
        network: of gradveil.models.
        data: `digits` or `cifar10`.
        locking: activation of the locks behind the first convolution; none: a scale and shift for all.
        rounds: of one local epoch each; 0 for fresh networks.
        images: of all clients together.
        seed: of weights, shards, keys and locks.
    """

    network: str
    data: str
    locking: Locking
    rounds: int
    images: int
    seed: int = 0

    @property
    def defense(self) -> KeyLock | None:
        return None if self.locking == "none" else KeyLock(activation=self.locking)


@cache
def data_of(name: str) -> tuple[Dataset, Dataset]:
    """Training images, and those that nobody trains on, which are attacked too."""
    if name == "cifar10":
        return cifar10("train_10k"), cifar10()
    data, order = load("mnist5k"), np.random.default_rng(0).permutation(5000)
    parts = (Dataset("mnist5k", data.images[p], data.labels[p], 10) for p in (order[:4000], order[4000:]))
    training, held_out = parts
    return training, held_out


def client_network(federation: Federation, client: int) -> nn.Module:
    """A client's first network: the same for all but for its lock."""
    shape = data_of(federation.data)[0].input_shape
    network = build(federation.network, shape, 10, federation.seed)
    if federation.defense is None:
        return network
    rng = np.random.default_rng([federation.seed, client])
    key = Key(rng.random(federation.defense.key_size, dtype=np.float32))
    return federation.defense.locked(network, key, int(rng.integers(1 << 31)))


@cache
def trained(federation: Federation) -> list[nn.Module]:
    """All clients' networks after the last round: the mean, with each client's own lock."""
    training, _ = data_of(federation.data)
    order = np.random.default_rng([federation.seed, 99]).permutation(len(training.images))[
        : federation.images
    ]
    networks = [client_network(federation, client) for client in range(CLIENTS)]
    rng = torch.Generator().manual_seed(federation.seed)
    for _ in range(federation.rounds):
        for network, part in zip(networks, np.array_split(order, CLIENTS), strict=True):
            _epoch(network, training, part, rng)
        mean = _mean([_shared(federation, network) for network in networks])
        for network in networks:
            _adopt(federation, network, mean)
    return networks


def accuracy(network: nn.Module, data: Dataset) -> float:
    """Share of the images that are recognised, by running statistics."""
    network.eval()
    with torch.no_grad():
        parts = [network(part).argmax(1) for part in torch.from_numpy(data.images[:1000]).split(250)]
    return float((torch.cat(parts).numpy() == data.labels[:1000]).mean())


def with_lock(federation: Federation, network: nn.Module, client: int, steps: int) -> nn.Module:
    """A client's shared weights behind a lock of someone else, fitted for so many steps on few images."""
    assert federation.defense is not None
    other = client_network(federation, client)
    federation.defense.adopt(other, federation.defense.shared(network))
    training, _ = data_of(federation.data)
    images, labels = torch.from_numpy(training.images[-FEW:]), torch.from_numpy(training.labels[-FEW:])
    locks = [one for name, one in other.named_parameters() if ".lock." in name]
    optimizer = torch.optim.Adam(locks, lr=1e-2)
    other.eval()
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(other(images), labels).backward()
        optimizer.step()
    return other


def public(federation: Federation, network: nn.Module, mode: Mode, bare: bool = False) -> Model:
    """The network as everybody knows it; bare: without the scale and shift of an unlocked one, too."""
    shape = data_of(federation.data)[0].input_shape
    defense = federation.defense or (KeyLock() if bare else None)
    known = network if defense is None else defense.public(network)
    return Model(known, shape, 10, "running" if mode == "eval" else "batch")


def lock_of(network: nn.Module) -> Tensor:
    """Scales and shifts (2, C) of the lock, or of the first normalisation of an unlocked network."""
    for both in lock_values(network):
        return torch.stack(both)
    norm = next(one for one in network.modules() if isinstance(one, nn.BatchNorm2d))
    return torch.stack([norm.weight.detach(), norm.bias.detach()])


def live_channels(network: nn.Module) -> int:
    """How many scales are not zero, to float32's precision of the largest."""
    scales = lock_of(network)[0].abs()
    return int((scales > torch.finfo(scales.dtype).eps * scales.max()).sum())


def keyed(network: nn.Module, model: Model) -> Model:
    """The same with the lock of a network, as one who has stolen key and lock would hold it."""
    network = copy.deepcopy(network)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in model.parameters)
    return Model(network, model.input_shape, model.classes, model.batch_norm)


def observed(network: nn.Module, model: Model, data: Dataset, image: int, mode: Mode) -> Observation:
    """What a server reads of a client's gradient of one image: all that is shared. The label is inferred."""
    gradients = _gradient(network, model, data, image, mode)
    update = Update(model.layout, gradients.numpy(), 1)
    values = update.contribution()
    upload = Upload(CLIENT, model.layout, (Clear(np.arange(values.size), values),))
    known = Knowledge("architecture and shared weights", "cross-entropy", model.classes, model.input_shape, 1)
    return observe(model.layout, [upload], [], known)


def shared_moments(network: nn.Module, data: Dataset, image: int) -> Moments:
    """The example's moments at the lock, from the buffers that a client sends before and after one step."""
    network = copy.deepcopy(network).train()
    norm = next(one for one in network.modules() if isinstance(one, nn.BatchNorm2d))
    values: list[int] = []
    norm.register_forward_hook(lambda module, inputs, output: values.append(output[0, 0].numel()))
    before = Moments(norm.running_mean.clone(), norm.running_var.clone())
    with torch.no_grad():
        network(torch.from_numpy(data.images[[image]]))
    after = Moments(norm.running_mean, norm.running_var)
    return batch_moments(before, after, float(norm.momentum or 0), values[0])


def _gradient(network: nn.Module, model: Model, data: Dataset, image: int, mode: Mode) -> Tensor:
    network = copy.deepcopy(network).train(mode == "train")
    parameters = dict(network.named_parameters())
    logits = network(torch.from_numpy(data.images[[image]]))
    loss = nn.functional.cross_entropy(logits, torch.from_numpy(data.labels[[image]]))
    found = torch.autograd.grad(loss, [parameters[name] for name in model.layout.names])
    return torch.cat([one.flatten() for one in found])


def _epoch(network: nn.Module, data: Dataset, part: np.ndarray, rng: torch.Generator) -> None:
    optimizer = torch.optim.Adam(network.train().parameters(), lr=RATE)
    for batch in torch.randperm(len(part), generator=rng).split(BATCH):
        chosen = part[batch.numpy()]
        optimizer.zero_grad()
        logits = network(torch.from_numpy(data.images[chosen]))
        nn.functional.cross_entropy(logits, torch.from_numpy(data.labels[chosen])).backward()
        optimizer.step()


def _shared(federation: Federation, network: nn.Module) -> Mapping[str, Tensor]:
    return network.state_dict() if federation.defense is None else federation.defense.shared(network)


def _adopt(federation: Federation, network: nn.Module, state: Mapping[str, Tensor]) -> None:
    if federation.defense is None:
        network.load_state_dict(dict(state))
    else:
        federation.defense.adopt(network, state)


def _mean(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Unweighted, as FedKL's; counters are those of the first client."""
    names = states[0]
    return {
        name: torch.stack([state[name] for state in states]).mean(0) if one.is_floating_point() else one
        for name, one in names.items()
    }
