"""Training behind a defense, its checkpoints on disk, and what a server reads of a victim at each of them."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from attacks import Model
from attacks.base import Case
from benchmarks.leakage.common import CLIENT
from gradveil.data import Dataset
from gradveil.defenses import Mechanism, Stages, Work
from gradveil.defenses.points import Client
from gradveil.exchange import Knowledge, Layout, Update, observe

STEPS = (0, 1, 5, 10, 50, 500)
"""After which the network is attacked."""

BATCH, RATE = 32, 1e-3
"""Of Adam, which moves the network along what the client sends."""

HELD_OUT = 1000
"""Images that are not trained on, at most a fifth of all; the victims are among them."""

Builder = Callable[[tuple[int, int, int], int], nn.Module]
Indices = NDArray[np.int64]


class PlainClient(Client):
    """A client that keeps nothing to itself."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy."""
        return F.cross_entropy(self.network(images), labels)


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One network that is trained behind one defense.

    Attributes:
        name: of its checkpoints' file.
        build: the network, freshly initialised.
        defense: of every client.
        data: images to train on and to attack.
        seed: everything follows from it; the same weights and batches behind every defense.
        steps: after which the network is kept; increasing.
    """

    name: str
    build: Builder
    defense: Mechanism
    data: Dataset
    seed: int
    steps: tuple[int, ...] = STEPS

    def held_out(self) -> Indices:
        """Images that nobody trains on."""
        return self._order()[: min(HELD_OUT, len(self.data.labels) // 5)]

    def networks(self, folder: Path) -> dict[int, nn.Module]:
        """The network after each of `steps`, from the folder if it was trained before."""
        files = {step: folder / f"{self.name}-{self._digest()}-{step}.safetensors" for step in self.steps}
        if not all(path.exists() for path in files.values()):
            folder.mkdir(parents=True, exist_ok=True)
            for step, network in self._trained():
                save_file(network.state_dict(), files[step])
        return {step: self._restored(path) for step, path in files.items()}

    def accuracy(self, network: nn.Module) -> float:
        """Share of the images held out that are recognised, by running statistics."""
        images, labels = self._examples(self.held_out())
        with torch.no_grad():
            return float((network.eval()(images).argmax(1) == labels).double().mean())

    def attacked(self, network: nn.Module, image: int) -> tuple[Case, Model, NDArray[np.float32]]:
        """What a server holds of a victim's gradient, the network as all know it, and what was fed in."""
        rng = np.random.default_rng([self.seed, image, 2])
        client = self._client(network.eval(), seed=int(rng.integers(2**62)))
        fed, update = self._sent(client, np.array([image]), rng)
        model = Model(network, self.data.input_shape, self.data.classes)
        upload = Stages.of(self.defense).open([CLIENT], model.layout, rng).protect(CLIENT, update)
        told = Knowledge(self.name, "cross-entropy", self.data.classes, self.data.input_shape, 1)
        return Case(observe(model.layout, [upload], [], told), CLIENT), model, fed.numpy()

    def _digest(self) -> str:
        """Of all that training depends on."""
        settings = (str(self._fresh()), self.defense, self.data.name, self.seed, BATCH, RATE)
        return hashlib.sha256(repr(settings).encode()).hexdigest()[:12]

    def _trained(self) -> Iterator[tuple[int, nn.Module]]:
        """Step and network, which goes on to be trained."""
        client, rng = self._client(), np.random.default_rng([self.seed, 1])
        network, own = client.network.train(), self._order()[len(self.held_out()) :]
        optimizer = torch.optim.Adam(network.parameters(), RATE)
        for step in range(self.steps[-1] + 1):
            if step:
                _, update = self._sent(client, rng.choice(own, BATCH, replace=False), rng)
                for name, one in network.named_parameters():
                    one.grad = torch.from_numpy(update.vector[update.layout.slices[name]].reshape(one.shape))
                optimizer.step()
            if step in self.steps:
                yield step, network

    def _sent(self, client: Client, chosen: Indices, rng: np.random.Generator) -> tuple[Tensor, Update]:
        """What a client feeds in, and what it makes of its mean gradient."""
        stages, (images, labels) = Stages.of(self.defense), self._examples(chosen)
        shares = F.one_hot(labels, self.data.classes).float()
        fed, shares = stages.feed(images, shares, torch.Generator().manual_seed(int(rng.integers(2**62))))
        gradient = {name: one.numpy() for name, one in client.gradient(fed, shares).items()}
        layout = Layout.of(gradient)
        update = Update(layout, layout.flatten(gradient), len(fed))
        return fed, stages.apply(update, Work(client.network, fed, shares), rng)

    def _examples(self, chosen: Indices) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(self.data.images[chosen]), torch.from_numpy(self.data.labels[chosen])

    def _order(self) -> Indices:
        return self.data.draw(len(self.data.labels), np.random.default_rng([self.seed, 0]))

    def _client(self, network: nn.Module | None = None, seed: int = 0) -> Client:
        """A client that holds this network, or the public one with its first weights."""
        stages = Stages.of(self.defense)
        if network is None:
            network = self._fresh()
        return (
            PlainClient(network)
            if stages.model is None
            else stages.model.client(network, self.data.classes, seed)
        )

    def _fresh(self) -> nn.Module:
        """The public network with its first weights."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = self.build(self.data.input_shape, self.data.classes)
        stages = Stages.of(self.defense)
        return network if stages.model is None else stages.model.public(network)

    def _restored(self, path: Path) -> nn.Module:
        network = self._fresh()
        network.load_state_dict(load_file(path))
        return network.eval()
