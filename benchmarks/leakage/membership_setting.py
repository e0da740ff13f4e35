"""A federation on MNIST-5k for the benchmark of membership and tracing: who holds what, and its models."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from attacks import Model
from attacks.examples import Examples, Population, gradients_of
from gradveil import models
from gradveil.data import load
from gradveil.exchange import Knowledge, LocalTraining, Observation, Reading

CLIENTS, OWN = 100, 20
"""Clients of the federation, and images of each."""

TRAINED, HELD_OUT, AUXILIARY = CLIENTS * OWN, 2000, 1000
EPOCHS = (0, 1, 10, 50)
SEQUENCE = (0, 1, 2, 5, 10, 20, 50)
"""Epochs after which the model is kept; a sequence of updates has one at each of them."""

READABLE = ("all", "all but the largest 10 %", "all but the largest 50 %", "sum of 10 clients")
_ENCRYPTED = {"all but the largest 10 %": 0.1, "all but the largest 50 %": 0.5}

_BATCH, _RATE = 40, 0.1
_SENSITIVITY_IMAGES = 200

LOCAL = LocalTraining(epochs=5, batch_size=5, learning_rate=0.05)
"""How a client of federated averaging trains: 20 steps."""

Indices = NDArray[np.int64]

_NOTHING = np.empty(0, np.int64)


@dataclass(frozen=True)
class Federation:
    """Everything that follows from the seed: parts of the data, models, what is encrypted."""

    seed: int

    @cached_property
    def images(self) -> torch.Tensor:
        """All 5,000, shuffled: the clients', those that nobody trains on, the adversary's."""
        return torch.from_numpy(self._data[0])

    @cached_property
    def labels(self) -> torch.Tensor:
        return torch.from_numpy(self._data[1])

    @cached_property
    def _data(self) -> tuple[NDArray[np.float32], Indices]:
        data = load("mnist5k")
        order = data.draw(len(data.labels), np.random.default_rng([self.seed, 0]))
        return data.images[order], data.labels[order]

    def examples(self, chosen: Indices) -> Examples:
        return Examples(self.images[torch.from_numpy(chosen)], self.labels[torch.from_numpy(chosen)])

    @cached_property
    def population(self) -> Population:
        chosen = np.arange(TRAINED + HELD_OUT, TRAINED + HELD_OUT + AUXILIARY)
        return Population(self.examples(chosen), "MNIST digits of nobody's")

    def small_population(self, count: int) -> Population:
        return Population(self.population.examples[:count], self.population.description)

    @cached_property
    def snapshots(self) -> dict[int, Model]:
        """Models after so many epochs of SGD on all clients' images."""
        return trained(self.examples(np.arange(TRAINED)), SEQUENCE, self.seed)

    @lru_cache(maxsize=32)  # noqa: B019  one federation a process
    def hidden(self, epoch: int, readable: str) -> Indices:
        """Encrypted coordinates: where gradients of the adversary's images are largest on average."""
        model, ratio = self.snapshots[epoch], _ENCRYPTED.get(readable, 0.0)
        columns = torch.arange(model.layout.size)
        rows = gradients_of(model, self.population.examples[:_SENSITIVITY_IMAGES], columns)
        order = rows.abs().mean(0).argsort(descending=True, stable=True)
        return np.sort(order[: round(ratio * model.layout.size)].numpy())

    def observed(
        self, epoch: int, parts: dict[str, Indices], readable: str, noise: int | None = None
    ) -> Observation:
        """What the server reads of the sum of these clients' updates, or of noise of the same length."""
        model = self.snapshots[epoch]
        held = self.examples(np.concatenate(list(parts.values())))
        total = model.gradient(held.images, held.labels).numpy()
        values = total if noise is None else _noise_like(model, total, noise)
        coords = np.setdiff1d(np.arange(model.layout.size), self.hidden(epoch, readable))
        reading = Reading(frozenset(parts), coords, values[coords])
        told = Knowledge("cnn", "cross-entropy", 10, model.input_shape, len(held) // len(parts))
        return Observation(model.layout, (reading,), (), (), told)

    def changed(self, epoch: int, client: str, images: Indices) -> Observation:
        """The change of the weights that one client's own training makes, weighted, all of it readable."""
        model, held = self.snapshots[epoch], self.examples(images)
        network = copy.deepcopy(model.network)
        rng = torch.Generator().manual_seed(int(images[0]))
        sgd(network, held, LOCAL, rng)
        return change_observed(model, network, held, client)


def change_observed(
    model: Model, network: torch.nn.Module, held: Examples, client: str, hidden: Indices = _NOTHING
) -> Observation:
    """What the server reads of how local training has moved the weights, weighted; all but `hidden`."""
    pairs = zip(network.parameters(), model.network.parameters(), strict=True)
    moved = torch.cat([(after - before).detach().flatten() for after, before in pairs])
    coords = np.setdiff1d(np.arange(len(moved)), hidden)
    reading = Reading(frozenset({client}), coords, (len(held) * moved).numpy()[coords])
    steps = LOCAL.steps(len(held))
    told = Knowledge("cnn", "cross-entropy", 10, model.input_shape, len(held), steps, training=LOCAL)
    return Observation(model.layout, (reading,), (), (), told)


def own_images(client: int) -> Indices:
    """Of one client, where clients are equal."""
    return np.arange(client * OWN, (client + 1) * OWN)


def trained(examples: Examples, epochs: Sequence[int], seed: int) -> dict[int, Model]:
    """Models after so many epochs, from the public first weights; the order of images follows the seed."""
    network = models.build("cnn", (1, 28, 28), 10, seed=0)
    rng, kept = torch.Generator().manual_seed(seed), {}
    for epoch in range(max(epochs) + 1):
        if epoch in epochs:
            kept[epoch] = Model(network, (1, 28, 28), 10)
        sgd(network, examples, LocalTraining(1, _BATCH, _RATE), rng)
    return kept


def sgd(network: torch.nn.Module, examples: Examples, training: LocalTraining, rng: torch.Generator) -> None:
    optimizer = torch.optim.SGD(network.parameters(), lr=training.learning_rate)
    for _ in range(training.epochs):
        for batch in torch.randperm(len(examples), generator=rng).split(training.batch_size):
            optimizer.zero_grad()
            torch.autograd.backward(cross_entropy(network(examples.images[batch]), examples.labels[batch]))
            optimizer.step()


def accuracy(model: Model, examples: Examples) -> float:
    return float((model.logits(examples.images).argmax(1) == examples.labels).double().mean())


def _noise_like(model: Model, total: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """Normal noise, each tensor as long as the update's."""
    rng, values = np.random.default_rng([seed, 99]), np.empty_like(total)
    for part in model.layout.slices.values():
        values[part] = rng.normal(0, float(total[part].std()), part.stop - part.start)
    return values
