"""Secret noise of variational bottlenecks."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.errors import AttackError
from attacks.model import Model
from attacks.model.hidden import Hidden
from attacks.nuisances.site import normal, normal_negative_log, output_shape, require_shape

Deviation = Callable[[Tensor], Tensor]
"""From what a bottleneck computes about the spread to standard deviations; e.g. F.softplus."""


def from_log_variance(values: Tensor) -> Tensor:
    """Standard deviations whose squared logarithms these are."""
    return (values / 2).exp()


@dataclass(frozen=True)
class VariationalNoise:
    """The standard normal noise that a variational bottleneck adds to every example's latent code.

    The site puts out means and spreads, concatenated along the channels. The means are replaced by the
    sampled code, mean + deviation * noise, so the layer after it must pass the means on in eval mode, as a
    sampling layer does that draws in training mode only.

    Attributes:
        site: the layer that puts out means and spreads.
        deviation: from spreads to standard deviations.
        divergence: weight of the Kullback-Leibler divergence to a standard normal code in the client's loss.

    Source: Scheliga et al. 2022 (WACV, PRECODE); Kingma and Welling 2014, appendix B.
    """

    site: str
    deviation: Deviation = from_log_variance
    divergence: float = 0.0

    @property
    def name(self) -> str:
        """The kind and the layer."""
        return f"variational noise at {self.site}"

    def start(self, rows: int, examples: int, model: Model, rng: torch.Generator) -> Tensor:
        """Standard normal noise (R, B, ...).

        Raises:
            AttackError: the model has no such layer, none that is called once, or it does not put out as
                many means as spreads.
        """
        channels, *rest = output_shape(model, self.site)
        if channels % 2:
            raise AttackError(
                f"layer {self.site!r} puts out {channels} channels, not as many means as spreads"
            )
        return normal((rows, examples, channels // 2, *rest), model, rng)

    def hidden(self, values: Tensor) -> Hidden:
        """Sampled codes in place of means; the loss gains the divergence."""
        return Hidden(self.site, values, self._enter)

    def negative_log(self, values: Tensor) -> Tensor:
        """Of a standard normal distribution, up to a constant, (R,)."""
        return normal_negative_log(values, 1.0)

    def _enter(self, output: Tensor, values: Tensor) -> tuple[Tensor, Tensor | None]:
        mean, spread = output.chunk(2, dim=2)
        require_shape(values, mean.shape, self.site)
        deviation = self.deviation(spread)
        code = torch.cat((mean + deviation * values, spread), dim=2)
        return code, self.divergence * _from_standard(mean, deviation) if self.divergence else None


def _from_standard(mean: Tensor, deviation: Tensor) -> Tensor:
    """Summed Kullback-Leibler divergence of normal codes to standard normal ones."""
    return (mean.square() + deviation.square() - 1 - 2 * deviation.log()).sum() / 2
