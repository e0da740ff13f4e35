"""Gradients brought from behind a lock to before its normalisation, and what shared statistics tell."""

from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.errors import AttackError
from attacks.locked.equations import Anchors
from attacks.priors import Moments

_ALIVE = 1e-4
"""Share of the largest strength, or spread over a map, under which a channel is dead: its scale is zero."""


@dataclass(frozen=True, eq=False)
class Behind:
    """What was found behind a lock.

    Attributes:
        arguments: u = gamma zhat + beta (O, Q).
        known: bool (O, Q), where they are.
        signal: gradient (O, Q) of the loss with respect to them.
        precision: 0 to 1 (O, Q), inverse errors of the arguments; saturated ones are next to nothing.
    """

    arguments: Tensor
    known: Tensor
    signal: Tensor
    precision: Tensor

    def strengths(self, signal: Tensor, gradient: Tensor, read: Tensor) -> Tensor:
        """How far each channel's normalised outputs come through the lock, (O,), the furthest 1; 0 is dead.

        A weight's gradient is s^-1 = gamma / sigma times what the signal makes of the image, so that its size
        beside the signal's tells a scale of 1e-9, whose channel says nothing of the image, from one of 1e-3.
        The spread of the arguments does not: errors of the layers behind spread them as well. It decides only
        where nothing of a channel's gradient is read.

        Args:
            signal: gradient (O, Q) before the normalisation, times s.
            gradient: readings (C, O T) of the weights' gradient.
            read: 0 or 1 (C, O T), which there are.
        """
        squares, counts = (
            one.reshape(len(one), len(signal), -1).sum((0, 2)) for one in (read * gradient.square(), read)
        )
        found = (squares / counts.clamp_min(1) / signal.square().mean(1).clamp_min(1e-300)).sqrt()
        found = torch.where(found > _ALIVE * found.max(), found / found.max().clamp_min(1e-300), 0.0)
        return torch.where(counts > 0, found, self._spreads.to(found))

    @property
    def _spreads(self) -> Tensor:
        """Whether arguments differ over the map, (O,)."""
        weights = (self.known * self.precision).square()
        total = weights.sum(1, keepdim=True).clamp_min(1e-300)
        mean = (weights * self.arguments).sum(1, keepdim=True) / total
        spread = (weights * (self.arguments - mean).square()).sum(1).sqrt()
        return spread > _ALIVE * spread.max()

    @property
    def centred(self) -> Tensor:
        """Arguments less their mean over each map (O, Q)."""
        return self.arguments - self._mean

    @property
    def _mean(self) -> Tensor:
        return self.arguments.mean(1, keepdim=True)

    def before(self, share: Tensor | float) -> Tensor:
        """The gradient (O, Q) before a normalisation by the map's own statistics, times s = sigma / gamma.

        Args:
            share: of the variance in what it was divided by, var / (var + eps), (O, 1).

        Source: Ioffe and Szegedy 2015, section 3, backward pass.
        """
        variance = self.centred.square().mean(1, keepdim=True).clamp_min(1e-300)
        along = (self.signal * self.centred).mean(1, keepdim=True) / variance
        return self.signal - self.signal.mean(1, keepdim=True) - share * along * self.centred

    def anchors(self, moments: Moments, offsets: Tensor) -> Anchors:
        """Scales and shifts from the moments (O,) of the convolution's outputs, whose bias is given (O,).

        Scales are positive, as those of a ReLU or a sigmoid are.
        """
        spread = self.centred.square().mean(1).clamp_min(1e-300)
        scales = (moments.variance.to(spread) / spread).sqrt()
        return Anchors(scales, moments.mean.to(spread) - offsets - scales * self._mean[:, 0])


def batch_moments(before: Moments, after: Moments, momentum: float, values: int) -> Moments:
    """Moments (C,) of the one batch that moved running statistics, as FedKL's clients send these.

    Args:
        before: running mean and unbiased variance that the client was given.
        after: those that it sends after one step.
        momentum: of the normalisation.
        values: averaged for one channel: examples times positions.

    Raises:
        AttackError: the batch has a single value a channel, or the momentum is not in (0, 1].
    """
    if values < 2 or not 0 < momentum <= 1:
        raise AttackError("moments need two values a channel and a momentum in (0, 1]; check the layer's")
    mean, variance = (
        (new.double() - (1 - momentum) * old.double()) / momentum
        for old, new in ((before.mean, after.mean), (before.variance, after.variance))
    )
    return Moments(mean, variance * (values - 1) / values)
