"""What a client computes with a public bottleneck and its own noise."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gradveil.defenses.mechanism import DefenseError
from gradveil.defenses.model.precode.bottleneck import bottleneck_of, divergence
from gradveil.defenses.points import Client


class BottleneckClient(Client):
    """Every pass samples the codes anew; what was drawn never leaves the client.

    Args:
        network: with one `VariationalBottleneck`.
        weight: of the divergence in the loss.
        rng: of the noise; a CPU generator.

    Raises:
        DefenseError: the network has no bottleneck.
    """

    def __init__(self, network: nn.Module, weight: float, rng: torch.Generator) -> None:
        bottleneck = bottleneck_of(network)
        if bottleneck is None:
            raise DefenseError("the network has no variational bottleneck; give the client public(network)")
        self.network = network
        self._encoder, self._weight, self._rng = bottleneck.encoder, weight, rng

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy behind sampled codes, and the weighted mean divergence of the codes."""
        divergences: list[Tensor] = []
        handle = self._encoder.register_forward_hook(lambda _, __, output: self._sampled(output, divergences))
        try:
            logits = self.network(images)
        finally:
            handle.remove()
        return F.cross_entropy(logits, labels) + self._weight * divergences[0].mean()

    def _sampled(self, output: Tensor, divergences: list[Tensor]) -> Tensor:
        """Codes in place of means, mean + deviation * noise; notes the divergences (N,)."""
        means, log_variances = output.chunk(2, dim=1)
        divergences.append(divergence(means, log_variances))
        noise = torch.randn(means.shape, generator=self._rng).to(means)
        return torch.cat((means + (log_variances / 2).exp() * noise, log_variances), dim=1)
