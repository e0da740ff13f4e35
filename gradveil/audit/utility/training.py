"""Federated SGD behind a defense, for the accuracy that it leaves."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from gradveil.audit.evaluation import accuracy, held_out
from gradveil.audit.seeds import derive, numpy_rng, torch_rng
from gradveil.data import Dataset
from gradveil.defenses import Client, Mechanism, Stages, Work
from gradveil.exchange import Layout, Update
from gradveil.records.utility import Curve


@dataclass(frozen=True)
class Training:
    """How long and how.

    Attributes:
        rounds: of one gradient a client.
        clients: all of them take part in each round.
        batch: images behind each client's gradient.
        rate: of the server's Adam. Its steps do not depend on the scale of gradients, which defenses change,
            so that one rate serves all (FedAdam: Reddi et al. 2021, algorithm 2, with one local step).
        seed: of weights, batches, and all that a defense draws for evaluation.
        every: rounds between two looks at the accuracy; there is one before and one after all of them anyway.
    """

    rounds: int
    clients: int
    batch: int = 8
    rate: float = 0.003
    seed: int = 0
    every: int = 10


class Federation:
    """Clients behind one defense, and their server.

    Args:
        defense: any mechanism; what acts at the wire runs for real, with fresh keys in every round.
        network: as it is without the defense; it is left as it is. Normalisation is by running statistics,
            which stay as they are, as in an audit.
        dataset: of all clients together; who draws which image is independent of the defense.
        training: what to do.

    Raises:
        DefenseError: the defense does not fit the network or the number of clients.
    """

    def __init__(self, defense: Mechanism, network: nn.Module, dataset: Dataset, training: Training) -> None:
        self._stages, self._dataset, self._training = Stages.of(defense), dataset, training
        model = self._stages.model
        self._server = copy.deepcopy(network) if model is None else model.public(network)
        self._server.eval()
        self._names = tuple(f"client-{number}" for number in range(training.clients))
        self._private = {name: self._client(name) for name in self._names} if model else {}
        self._parameters = {name: one for name, one in self._server.named_parameters() if one.requires_grad}
        shapes = tuple(tuple(one.shape) for one in self._parameters.values())
        self._layout = Layout(tuple(self._parameters), shapes)
        self._optimizer = torch.optim.Adam(self._parameters.values(), lr=training.rate)

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        """Of all images: those held out first."""
        return numpy_rng(self._training.seed, "held out").permutation(len(self._dataset.images))

    @property
    def held_out(self) -> int:
        """Number of images that measure the accuracy."""
        return held_out(len(self._order))

    def train(self) -> Curve:
        """Run all rounds; the accuracy before, between and after them."""
        curve = [(0, self._accuracy())]
        for done in range(1, self._training.rounds + 1):
            self._round(done - 1)
            if done % self._training.every == 0 or done == self._training.rounds:
                curve.append((done, self._accuracy()))
        return tuple(curve)

    def public(self, count: int) -> tuple[Tensor, Tensor]:
        """Some of the images that nobody trains on, and their labels."""
        rows = self._order[: min(count, self.held_out)]
        device = next(self._server.parameters()).device
        images, labels = (torch.from_numpy(one[rows]) for one in (self._dataset.images, self._dataset.labels))
        return images.to(device), labels.to(device)

    def updates(self, number: int) -> dict[str, Update]:
        """What each client hands to the wire in a round."""
        return {name: self._update(name, number) for name in self._names}

    def _round(self, number: int) -> None:
        updates = self.updates(number)
        rng = numpy_rng(self._training.seed, "utility wire", number)
        session = self._stages.open(self._names, self._layout, rng)
        uploads = [session.protect(name, update) for name, update in updates.items()]
        mean = session.recover(session.aggregate(uploads)).vector
        self._optimizer.zero_grad()
        for (_, one), part in zip(self._parameters.items(), self._layout.slices.values(), strict=True):
            one.grad = torch.tensor(mean[part]).reshape(one.shape).to(one)
        self._optimizer.step()

    def _client(self, name: str) -> Client:
        model = self._stages.model
        assert model is not None  # noqa: S101 -- the caller has looked
        secret = derive(self._training.seed, "utility secret", name)
        client = model.client(copy.deepcopy(self._server), self._dataset.classes, secret)
        client.network.eval()
        return client

    def _update(self, name: str, number: int) -> Update:
        training, purpose = self._training, (name, number)
        free = self._order[self.held_out :]
        rows = numpy_rng(training.seed, "utility batch", *purpose).choice(free, training.batch, replace=False)
        device = next(self._server.parameters()).device
        images = torch.from_numpy(self._dataset.images[rows]).to(device)
        one_hot = F.one_hot(torch.from_numpy(self._dataset.labels[rows]), self._dataset.classes)
        rng = torch_rng(training.seed, "utility feed", *purpose)
        fed, labels = self._stages.feed(images, one_hot.to(images), rng)
        network, gradients = self._backward(name, fed, labels)
        update = Update(self._layout, self._layout.flatten(gradients), len(fed))
        work = Work(network, fed, labels)
        return self._stages.apply(update, work, numpy_rng(training.seed, "utility update", *purpose))

    def _backward(
        self, name: str, images: Tensor, labels: Tensor
    ) -> tuple[nn.Module, Mapping[str, NDArray[np.float32]]]:
        """The network, and its mean gradients by name; private parts move."""
        if not self._private:
            loss = F.cross_entropy(self._server(images), labels)
            found = torch.autograd.grad(loss, list(self._parameters.values()))
            named = zip(self._parameters, found, strict=True)
            return self._server, {one: gradient.cpu().numpy() for one, gradient in named}
        client = self._private[name]
        client.adopt(self._server.state_dict())
        client.network.zero_grad()
        client.backward(images, labels)
        named_parameters = client.parameters.items()
        return client.network, {
            one: _gradient(parameter).cpu().numpy() for one, parameter in named_parameters
        }

    def _accuracy(self) -> float:
        """With private parts the mean over the clients."""
        rows = self._order[: self.held_out]
        if not self._private:
            return accuracy(self._server, self._dataset, rows)
        for client in self._private.values():
            client.adopt(self._server.state_dict())
        each = [accuracy(client.network, self._dataset, rows) for client in self._private.values()]
        return float(np.mean(each))


def _gradient(parameter: nn.Parameter) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
