"""Federated training behind every defense in the model still learns digits, at the accuracy cost stated."""

import copy
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
import torch

from gradveil.data import load
from gradveil.defenses import Client, ModelDefense
from gradveil.defenses.model import KeyLock, Precode, SecretPolarization
from gradveil.models import build

ROUNDS, CLIENTS, BATCH, TEST = 150, 3, 32, 1000


@dataclass(frozen=True)
class Case:
    """A defense, how much accuracy it may cost, the network, and the step of the server's Adam."""

    defense: ModelDefense
    cost: float
    network: str = "lenet_bn"
    rate: float = 1e-2


CASES = {
    "key lock, relu": Case(KeyLock(), 0.35),  # half of the channels are dead, and others for each client
    "key lock, sigmoid": Case(KeyLock(activation="sigmoid"), 0.12),
    "key lock, private statistics": Case(KeyLock(activation="sigmoid", buffers="private"), 0.12),
    "secret polarization": Case(SecretPolarization(0.1), 0.05),
    "precode": Case(Precode(), 0.05, "relu_mlp", 1e-3),
}


class Plain(Client):
    """A client without secrets."""

    def __init__(self, network):
        self.network = network

    def loss(self, images, labels):
        return torch.nn.functional.cross_entropy(self.network(images), labels)


@pytest.fixture(scope="module")
def digits():
    """All images (N, 1, 28, 28) and labels, in a random order."""
    data = load("mnist5k")
    order = np.random.default_rng(0).permutation(len(data.images))
    return torch.from_numpy(data.images[order]), torch.from_numpy(data.labels[order]).long()


def learned(digits, server, clients, public, rate):
    """Mean accuracy of the clients' own networks on images of nobody's, after all rounds."""
    images, labels = digits
    rng, optimizer = np.random.default_rng(0), torch.optim.Adam(server.parameters(), lr=rate)
    shards = np.array_split(np.arange(TEST, len(images)), len(clients))
    for _ in range(ROUNDS):
        for client, shard in zip(clients, shards, strict=True):
            client.adopt(server.state_dict())
            client.network.train()
            for parameter in client.parameters.values():
                parameter.grad = None
            rows = torch.from_numpy(rng.choice(shard, BATCH, replace=False))
            client.backward(images[rows], labels[rows])
        for name, parameter in server.named_parameters():
            parameter.grad = torch.stack([one.parameters[name].grad for one in clients]).mean(0)
        optimizer.step()
        buffers = [dict(public(one.network).named_buffers()) for one in clients]
        for name, buffer in server.named_buffers():
            buffer.copy_(torch.stack([one[name].double() for one in buffers]).mean(0))
    return float(np.mean([accuracy(one, server, images[:TEST], labels[:TEST]) for one in clients]))


def accuracy(client, server, images, labels):
    client.adopt(server.state_dict())
    with torch.no_grad():
        return float((client.network.eval()(images).argmax(1) == labels).double().mean())


@pytest.fixture(scope="module")
def undefended(digits):
    """What the same rounds reach without a defense, by network and rate."""

    @cache
    def reached(name, rate):
        network = build(name, (1, 28, 28), 10, seed=0)
        clients = [Plain(copy.deepcopy(network)) for _ in range(CLIENTS)]
        return learned(digits, network, clients, lambda one: one, rate)

    return reached


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_training_still_converges(digits, undefended, case):
    control = undefended(case.network, case.rate)
    assert control > 0.8
    server = case.defense.public(build(case.network, (1, 28, 28), 10, seed=0))
    clients = [case.defense.client(copy.deepcopy(server), 10, seed) for seed in range(CLIENTS)]
    assert learned(digits, server, clients, case.defense.public, case.rate) > control - case.cost
