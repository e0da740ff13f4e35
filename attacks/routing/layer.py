"""One block whose pooled outputs are known: which position won each window, and the block's inputs."""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

from attacks.routing.trunk import Block
from attacks.routing.windows import spread, windows

_ROUGHLY = 0.016
"""Temperature of routes where nothing better is known, relative to the features' root mean square."""

_TINY = 1e-300


@dataclass(frozen=True, eq=False)
class RoutedLayer:
    """A block with known pooled outputs, the signal at them, and readings of its weight gradient.

    With the routes given, both the weight gradient and the pooled outputs are linear in the inputs; with the
    inputs given, the weight gradient is linear in the routes.

    Attributes:
        block: the convolution and its pooling.
        features: pooled outputs (C, h, w).
        signal: gradient of the loss with respect to them, (C, h, w).
        gradient: readings (C, K) of the weights' gradient, zero where nothing was read.
        mask: which there are, as 0 and 1, (C, K).
        energy: sum of squares that so many readings have on average over all entries, hidden ones included:
            what is left visible of the largest ones may be arbitrarily small.
    """

    block: Block
    features: Tensor
    signal: Tensor
    gradient: Tensor
    mask: Tensor
    energy: float

    @classmethod
    def near(
        cls, block: Block, features: Tensor, signal: Tensor, readings: tuple[Tensor, Tensor], inputs: Tensor
    ) -> "RoutedLayer":
        """The layer with the energy that rough inputs (I, ...) predict; readings are gradient and mask."""
        gradient, mask = readings
        layer = cls(block, features, signal, gradient, mask, 1.0)
        prior = prior_shares(block, inputs, _ROUGHLY * root_mean_square(features))
        predicted = layer.deltas(prior * layer.active[..., None]) @ block.patches(inputs).mT
        energy = float(predicted.square().mean() * mask.sum())
        return replace(layer, energy=max(energy, _TINY))

    @cached_property
    def active(self) -> Tensor:
        """Windows (C, h, w) that the gradient passes."""
        return (self.features > 0) & (self.signal != 0)

    def outputs(self, inputs: Tensor) -> Tensor:
        """The convolution's outputs (C, H, W) for inputs (I, ...)."""
        return self.block.outputs(inputs[None])[0]

    def deltas(self, shares: Tensor) -> Tensor:
        """Gradients at the outputs (C, positions), if windows are won in these shares (C, h, w, n)."""
        return spread(shares * self.signal[..., None], self.block.side, self.block.size).flatten(1)

    def misfit(self, deltas: Tensor, inputs: Tensor) -> float:
        """Squared error of the weight gradient's readings, relative to the energy."""
        predicted = deltas @ self.block.patches(inputs).mT
        return float((self.mask * predicted - self.gradient).square().sum()) / self.energy

    def missed(self, inputs: Tensor) -> float:
        """Root mean square error of the known maxima, relative to that of the features."""
        highest = windows(self.outputs(inputs), self.block.side).amax(-1)
        errors = (highest - self.features)[self.active]
        return float(errors.square().mean().sqrt()) / root_mean_square(self.features)

    def shares(self, inputs: Tensor, temperature: float, noise: float) -> Tensor:
        """Posterior mean (C, h, w, n) of who won each window, from rough inputs (I, ...).

        A priori the outputs' softmax; then one linear step on the channel's weight gradient under normal
        noise, with the covariance of the multinomial prior.

        Args:
            inputs: of the convolution.
            temperature: of the softmax, in units of the outputs.
            noise: variance of one reading, relative to the entries' mean square.

        Source: conditional mean of normal variables, Rasmussen and Williams 2006, equation A.6.
        """
        prior = prior_shares(self.block, inputs, temperature)
        variance = noise * self.energy / float(self.mask.sum().clamp_min(1))
        shares, seen = prior.clone(), self.block.patches(inputs)
        positions = torch.arange(seen.shape[1], device=inputs.device).reshape(self.block.size)
        groups = windows(positions, self.block.side)
        for channel, active in enumerate(self.active):
            signal = self.signal[channel][active][:, None].expand(-1, groups.shape[-1]).flatten()
            columns = seen[:, groups[active].flatten()] * signal * self.mask[channel][:, None]
            shares[channel][active] = _conditioned(
                prior[channel][active], columns, self.gradient[channel], variance
            )
        shares = shares.clamp_min(0)
        return shares / shares.sum(-1, keepdim=True).clamp_min(1e-12) * self.active[..., None]

    def hard(self, shares: Tensor) -> Tensor:
        """All to the largest share of each active window."""
        one = F.one_hot(shares.argmax(-1), shares.shape[-1]).to(shares.dtype)
        return one * self.active[..., None]


def _conditioned(prior: Tensor, columns: Tensor, readings: Tensor, variance: float) -> Tensor:
    """Mean (w, n) of one-hot vectors with these probabilities, given readings = columns @ them + noise."""
    mean = prior.flatten()
    blocks = torch.diag_embed(prior) - prior[:, :, None] * prior[:, None]
    covariance = prior.new_zeros(*prior.shape, *prior.shape)
    window = torch.arange(len(prior), device=prior.device)
    covariance[window, :, window] = blocks
    covariance = covariance.reshape(len(mean), len(mean))
    error = columns.mT @ (readings - columns @ mean)
    normal = covariance @ (columns.mT @ columns)
    normal.diagonal().add_(variance)
    moved: Tensor = torch.linalg.solve(normal, covariance @ error)
    return prior + moved.reshape(prior.shape)


def prior_shares(block: Block, inputs: Tensor, temperature: float) -> Tensor:
    """Softmax (C, h, w, n) of a block's outputs in each window, for inputs (I, ...)."""
    return (windows(block.outputs(inputs[None])[0], block.side) / temperature).softmax(-1)


def root_mean_square(values: Tensor) -> float:
    """Of the values that are not zero."""
    return float(values[values != 0].square().mean().sqrt())
