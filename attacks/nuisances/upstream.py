"""Secret gradients that arrive from a part of the network that nobody else holds."""

from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.model import Model
from attacks.model.hidden import Hidden
from attacks.nuisances.site import normal, normal_negative_log, output_shape, require_shape, require_size


@dataclass(frozen=True)
class UpstreamGradient:
    """The gradient that a client's private head sends back to the layer where it forks off.

    The public part of the network sees a private loss only through this vector v of every example, so that
    adding <v, output> to the loss reproduces its part of the update, whatever the head is.

    Attributes:
        site: the layer at whose output the private head begins.
        std: believed standard deviation of the gradient's elements; None if nothing is known.
        spread: standard deviation of the first guesses.

    Source: Fan et al. 2020 (arXiv 2006.11601), secret polarization network: private head in parallel.
    """

    site: str
    std: float | None = None
    spread: float = 0.0

    def __post_init__(self) -> None:
        require_size(self.std)

    @property
    def name(self) -> str:
        """The kind and the layer."""
        return f"upstream gradient at {self.site}"

    def start(self, rows: int, examples: int, model: Model, rng: torch.Generator) -> Tensor:
        """Gradients (R, B, ...).

        Raises:
            AttackError: the model has no such layer, or none that is called once.
        """
        return self.spread * normal((rows, examples, *output_shape(model, self.site)), model, rng)

    def hidden(self, values: Tensor) -> Hidden:
        """Unchanged outputs; the loss gains their inner product with the gradient."""
        return Hidden(self.site, values, self._enter)

    def negative_log(self, values: Tensor) -> Tensor:
        """Of a normal distribution around zero, (R,)."""
        return normal_negative_log(values, self.std)

    def _enter(self, output: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        require_shape(values, output.shape, self.site)
        return output, (values * output).sum()
