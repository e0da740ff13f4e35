"""Secret dropout masks."""

from dataclasses import dataclass
from math import log

import torch
from torch import Tensor
from torch.nn import functional as F

from attacks.errors import AttackError
from attacks.model import Model
from attacks.model.hidden import Hidden
from attacks.nuisances.site import output_shape, require_shape


@dataclass(frozen=True)
class DropoutMask:
    """The dropout mask of every example at a layer's output, relaxed to the sigmoid of the unknown.

    The unknown is believed to follow the logits of a binary Concrete distribution, whose masks are nonzero
    with the probability 1 - rate of the dropout and whose density is log-concave in the logits.

    Attributes:
        site: the dropout layer, which the model itself leaves off, or any other.
        rate: share of values that the client drops; it scales the others by 1 / (1 - rate).
        temperature: of the relaxation; masks are nearer to 0 and 1 the smaller it is, and the search stalls
            more often, as it starts where the sigmoid is flat.

    Source: Scheliga et al. 2023 (AAAI, "Dropout is NOT all you need"), masks solved for jointly;
    Maddison et al. 2017 (ICLR, Concrete), density of binary Concrete variables.
    """

    site: str
    rate: float
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.rate < 1:
            raise AttackError(f"a dropout rate of {self.rate} hides nothing or all; give one between 0 and 1")
        if self.temperature <= 0:
            raise AttackError("the temperature of relaxed masks has to be positive; 1 is the default")

    @property
    def name(self) -> str:
        """The kind and the layer."""
        return f"dropout mask at {self.site}"

    def start(self, rows: int, examples: int, model: Model, rng: torch.Generator) -> Tensor:
        """Logits (R, B, ...) drawn from the belief about them.

        Raises:
            AttackError: the model has no such layer, or none that is called once.
        """
        uniform = torch.rand(rows, examples, *output_shape(model, self.site), generator=rng)
        logistic = torch.logit(uniform, eps=1e-6).to(model.device, model.dtype)
        return (logistic + self._log_odds) / self.temperature

    def hidden(self, values: Tensor) -> Hidden:
        """Masked outputs, scaled as dropout in training mode does."""
        return Hidden(self.site, values, self._enter)

    def negative_log(self, values: Tensor) -> Tensor:
        """Of the logits of a binary Concrete distribution, up to a constant, (R,)."""
        logistic = self.temperature * values - self._log_odds
        return (logistic + 2 * F.softplus(-logistic)).flatten(1).sum(1)

    @property
    def _log_odds(self) -> float:
        return log((1 - self.rate) / self.rate)

    def _enter(self, output: Tensor, values: Tensor) -> tuple[Tensor, None]:
        require_shape(values, output.shape, self.site)
        return output * values.sigmoid() / (1 - self.rate), None
