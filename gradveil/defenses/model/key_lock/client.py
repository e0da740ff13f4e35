"""What a client computes with its own locks, and what of it is public."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gradveil.defenses.points import Client


class LockedClient(Client):
    """A locked network, whose locks move with the client's own optimiser and travel nowhere.

    Args:
        network: with locks.
        withheld: names, of the state of such a network, that never travel.
        restore: takes over the rest of a state, in place.
        rate: learning rate of the locks' SGD, with momentum.
    """

    def __init__(
        self,
        network: nn.Module,
        withheld: Callable[[nn.Module], tuple[str, ...]],
        restore: Callable[[nn.Module, Mapping[str, Tensor]], None],
        rate: float,
    ) -> None:
        self.network = network
        self._withheld, self._restore = frozenset(withheld(network)), restore
        locks = [one for name, one in network.named_parameters() if name in self._withheld]
        self._optimizer = torch.optim.SGD(locks, lr=rate, momentum=0.9)

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        """All but those of the locks."""
        return {name: one for name, one in super().parameters.items() if name not in self._withheld}

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy behind the client's locks."""
        return F.cross_entropy(self.network(images), labels)

    def adopt(self, state: Mapping[str, Tensor]) -> None:
        """Take over all but what is withheld; DefenseError if it is not exactly what clients share."""
        self._restore(self.network, {name: one for name, one in state.items() if name not in self._withheld})

    def _clear_private(self) -> None:
        self._optimizer.zero_grad()

    def _move_private(self) -> None:
        self._optimizer.step()
