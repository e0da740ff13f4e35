"""Defenses that act before the wire: on the batch, in the model, on the update."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from gradveil.defenses.mechanism import Mechanism, Point
from gradveil.exchange import Update


@dataclass(frozen=True, eq=False)
class Work:
    """What a client has at hand when it has computed a mean gradient.

    Attributes:
        network: that it differentiated; in the mode it was in.
        images: what was fed in, (B, C, H, W).
        labels: classes (B,), or class probabilities (B, classes).
    """

    network: nn.Module
    images: Tensor
    labels: Tensor


class Client(ABC):
    """A network in training, together with whatever its owner keeps to itself: keys, heads, noise.

    Attributes:
        network: what is trained; it holds private parts only where these cannot stand beside it.
    """

    network: nn.Module

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        """Those that travel, named as in the public network; they can be moved in place."""
        return {name: one for name, one in self.network.named_parameters() if one.requires_grad}

    @abstractmethod
    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Mean loss of a batch, a scalar, with all that the defense adds to it.

        Args:
            images: (B, *input_shape).
            labels: classes (B,), or class probabilities (B, classes).
        """

    def gradient(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Mean gradients of the public parameters, by name: all that an update holds."""
        named = self.parameters
        found = torch.autograd.grad(self.loss(images, labels), list(named.values()))
        return dict(zip(named, found, strict=True))

    def backward(self, images: Tensor, labels: Tensor) -> float:
        """Add the public parameters' gradients to their `grad`, and move what is private; the loss before.

        Whoever calls it moves the public parameters, by an optimiser of its own or by a server's.
        """
        self._clear_private()
        loss = self.loss(images, labels)
        torch.autograd.backward(loss)
        self._move_private()
        return loss.item()

    def adopt(self, state: Mapping[str, Tensor]) -> None:
        """Take over the public network's state that the server sends, in place; what is private stays."""
        self.network.load_state_dict(dict(state))

    def _clear_private(self) -> None:
        """Forget gradients of private parameters, if there are any."""
        return

    def _move_private(self) -> None:
        """Move private parameters, if there are any, by the gradients that a backward pass has left."""
        return


class BatchDefense(Mechanism):
    """A mechanism that changes what is fed in; the update is that of the changed batch."""

    point: ClassVar[Point] = Point.BATCH

    @property
    def value_range(self) -> tuple[float, float]:
        """Least and largest value that can be fed in."""
        return 0.0, 1.0

    @abstractmethod
    def feed(self, images: Tensor, labels: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """What the client trains on instead.

        Args:
            images: (B, C, H, W) in [0, 1].
            labels: class probabilities (B, classes).
            rng: a CPU generator; the only source of randomness.
        """


class ModelDefense(Mechanism):
    """A mechanism that changes a client's network, or what is computed with it, and withholds a part.

    What all others know is `public(network)`: updates name its parameters, the server averages them, and an
    adversary holds it. Each client makes its own of it, with secrets that nobody else has.
    """

    point: ClassVar[Point] = Point.MODEL

    @abstractmethod
    def public(self, network: nn.Module) -> nn.Module:
        """A copy of a network as everybody knows it behind the defense.

        Args:
            network: as it is without the defense, or public already, which changes nothing.

        Raises:
            DefenseError: the network has no place for the defense.
        """

    @abstractmethod
    def client(self, network: nn.Module, classes: int, seed: int | None = None) -> Client:
        """A client with secrets of its own.

        Args:
            network: as `public` gives it; it becomes this client's, which may train it in place.
            classes: number of classes.
            seed: of all secrets, for evaluation; unless given, they are from the operating system.
        """


class UpdateDefense(Mechanism):
    """A mechanism that changes the client's mean gradient.

    Attributes:
        recomputes: whether it starts anew from batch and network, so that it must be the first of its kind.
    """

    point: ClassVar[Point] = Point.UPDATE
    recomputes: ClassVar[bool] = False

    @abstractmethod
    def apply(self, update: Update, work: Work, rng: np.random.Generator) -> Update:
        """The update that goes to the wire; a `CompactUpdate` if fewer bytes can carry it.

        Args:
            update: mean gradient, or what the defense before has made of it.
            work: what it was computed from.
            rng: drives evaluation; the only source of randomness.
        """
