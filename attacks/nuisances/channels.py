"""Secret scales and shifts of channels."""

from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.model import Model
from attacks.model.hidden import Hidden
from attacks.nuisances.site import normal, normal_negative_log, output_shape, require_shape, require_size


@dataclass(frozen=True)
class ChannelScaleShift:
    """One client's secret scale and shift of every channel at a layer's output; its examples share them.

    Attributes:
        site: the layer, e.g. a batch normalisation without scale and shift of its own.
        scale: what scales are believed to be near, and first guessed to be.
        shift: the same of shifts.
        std: standard deviation of that belief; None if nothing is known.
        spread: standard deviation of the first guesses.

    Source: Ren et al. 2023 (FedKL, key-lock module): gamma and beta of a private key.
    """

    site: str
    scale: float = 1.0
    shift: float = 0.0
    std: float | None = None
    spread: float = 0.0

    def __post_init__(self) -> None:
        require_size(self.std)

    @property
    def name(self) -> str:
        """The kind and the layer."""
        return f"channel scale and shift at {self.site}"

    def start(self, rows: int, examples: int, model: Model, rng: torch.Generator) -> Tensor:
        """Scales and shifts (R, 2, channels).

        Raises:
            AttackError: the model has no such layer, or none that is called once.
        """
        channels = output_shape(model, self.site)[0]
        drawn = self.spread * normal((rows, 2, channels), model, rng)
        return drawn + self._centre(drawn)

    def hidden(self, values: Tensor) -> Hidden:
        """Scaled and shifted outputs."""
        return Hidden(self.site, values, self._enter)

    def negative_log(self, values: Tensor) -> Tensor:
        """Of a normal distribution around the centre, (R,)."""
        return normal_negative_log(values - self._centre(values), self.std)

    def _centre(self, values: Tensor) -> Tensor:
        return values.new_tensor([[self.scale], [self.shift]])

    def _enter(self, output: Tensor, values: Tensor) -> tuple[Tensor, None]:
        rows, channels = len(output), output.shape[2]
        require_shape(values, (rows, 2, channels), self.site)
        scale, shift = values.reshape(rows, 2, 1, channels, *[1] * (output.ndim - 3)).unbind(1)
        return output * scale + shift, None
