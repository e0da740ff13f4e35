"""What a client computes with a public network and its private branch."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gradveil.defenses.base import DefenseError
from gradveil.defenses.model.polarization.branch import PrivateBranch
from gradveil.defenses.points import Client


class PolarizedClient(Client):
    """Backbone and public head, which are shared, and a private branch at the fork between them.

    Attributes:
        network: the public one; its parameters are all that is ever sent.

    Args:
        network: ends in a linear layer, the public head; the fork is that layer's input.
        branch: the private head.
        public_weight: a1, of the mean cross-entropy.
        private_weight: a2, of the mean polarization loss.
    """

    def __init__(
        self, network: nn.Module, branch: PrivateBranch, public_weight: float, private_weight: float
    ) -> None:
        self.network = network
        self._branch, self._weights = branch, (public_weight, private_weight)
        self._head = self.head_of(network)

    @staticmethod
    def head_of(network: nn.Module) -> nn.Linear:
        """The last linear layer; DefenseError if there is none."""
        layers = [one for one in network.modules() if isinstance(one, nn.Linear)]
        if not layers:
            raise DefenseError("the network has no linear layer to fork at; end it in one")
        return layers[-1]

    def bits_recognised(self, images: Tensor, labels: Tensor) -> float:
        """Share of the codes' bits that the private head gets right, in eval mode."""
        self.network.eval()
        with torch.no_grad():
            features, _ = self._forked(images)
        return self._branch.recognised(features, labels)

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """a1 CE + a2 Pol, means of the batch.

        The backbone's gradients are a1 J^T dCE + a2 J^T dPol; the public head's a1 times the cross-entropy's.
        """
        features, logits = self._forked(images)
        public, private = self._weights
        loss = public * F.cross_entropy(logits, labels)
        return loss + private * self._branch.loss(features, labels).mean() if private else loss

    def _clear_private(self) -> None:
        self._branch.clear()

    def _move_private(self) -> None:
        self._branch.step()

    def _forked(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, d) at the fork and logits (B, classes)."""
        seen: list[Tensor] = []
        handle = self._head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        try:
            logits: Tensor = self.network(images)
        finally:
            handle.remove()
        return seen[0], logits
