"""Outpost: gradients are pruned, and noisy where they say most; later iterations less often."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import nn

from gradveil.defenses.mechanism import DefenseError
from gradveil.defenses.points import UpdateDefense, Work
from gradveil.defenses.update.compact import with_values
from gradveil.exchange import Update

Values = NDArray[np.float32]


@dataclass(frozen=True)
class Outpost(UpdateDefense):
    """Small gradients of every tensor are dropped; where Fisher information is large, normal noise is added.

    Information is the squared mean gradient, averaged over a tensor's first axis, so that noise falls on
    whole columns. Its standard deviation is `noise_scale` times the variance of the tensor's weights, at most
    one. All this happens in iteration n with probability 1 / (1 + decay n); else the gradient is sent as it
    is.

    Attributes:
        noise_scale: standard deviation of the noise for weights of variance one; other tensors have other
            noise, so that `noise`, of one deviation for all, is None.
        pruned: share of a tensor's elements, the smallest, that are dropped before.
        noisy: share of the columns of all tensors that get noise.
        decay: of the probability.
        iteration: of the client's training, from 0.

    Source: Wang et al. 2023 (INFOCOM), More than enough is too much; formulas and defaults as in the authors'
        code (TL-System/plato, `gradient_leakage_attacks`), whose last version returns the gradient unchanged:
        what it computes is what is done here. The paper's own formulas were not at hand.
    """

    name: ClassVar[str] = "outpost"
    claim: ClassVar[str] = (
        "the server reads few elements and noise on columns that say much, with a probability that falls; "
        "nothing is proven, and elements without noise are exact"
    )
    noise_scale: float = 0.8
    pruned: float = 0.8
    noisy: float = 0.4
    decay: float = 0.125
    iteration: int = 0

    def __post_init__(self) -> None:
        if not (0 < self.noise_scale < float("inf") and self.decay >= 0 and self.iteration >= 0):
            raise DefenseError("noise scale has to be positive and finite, decay and iteration not negative")
        if not (0 <= self.pruned < 1 and 0 < self.noisy <= 1):
            raise DefenseError("prune a share in [0, 1) and put noise on one in (0, 1]")

    def apply(self, update: Update, work: Work, rng: np.random.Generator) -> Update:
        """The pruned and noisy update, or the update itself."""
        if rng.random() >= 1 / (1 + self.decay * self.iteration):
            return update
        gradients = update.layout.unflatten(update.vector)
        spreads = spreads_of(work.network)
        noisy = noisy_columns(gradients, self.noisy)
        changed = [
            self._pruned(one) + rng.normal(0, self.noise_scale * spreads[name], one.shape) * noisy[name]
            for name, one in gradients.items()
        ]
        return with_values(update, np.concatenate([one.ravel() for one in changed]).astype(np.float32))

    def _pruned(self, gradient: Values) -> Values:
        sizes = np.abs(gradient)
        return np.where(sizes < np.quantile(sizes, self.pruned), 0, gradient)


def spreads_of(network: nn.Module) -> dict[str, float]:
    """Variance of each tensor's weights, at most one; zero of a single weight."""
    weights = {name: one.detach() for name, one in network.named_parameters() if one.requires_grad}
    return {name: min(float(one.var()), 1.0) if one.numel() > 1 else 0.0 for name, one in weights.items()}


def noisy_columns(gradients: Mapping[str, Values], share: float) -> dict[str, NDArray[np.bool_]]:
    """Which columns, along the first axis, are among this share of largest information; by tensor."""
    information = {name: np.square(one).mean(axis=0) for name, one in gradients.items()}
    least = np.quantile(np.concatenate([one.ravel() for one in information.values()]), 1 - share)
    return {name: np.asarray(one >= least) for name, one in information.items()}
