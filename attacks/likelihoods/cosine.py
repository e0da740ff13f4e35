"""Errors of direction alone."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.checks import require_positive
from attacks.gradients import Gradient, Targets
from attacks.likelihoods.base import of_rows


@dataclass(frozen=True)
class Cosine:
    """One minus the cosine between what is predicted and what was read, over the readable coordinates.

    As a density of directions this is von Mises-Fisher with concentration kappa. It forgets how large the
    gradient is. In float32 the cosine's rounding hides relative errors below about 3e-4. Where all readings
    are zero there is no direction, and the value is zero.

    Attributes:
        kappa: weight, against the prior.
        per_layer: whether to average over the parameters instead of taking one vector of them all.

    Source: Geiping et al. 2020 (Inverting Gradients), equation 4; Balunovic et al. 2022 (ICLR), table 1.
    """

    kappa: float = 1.0
    per_layer: bool = False

    def __post_init__(self) -> None:
        require_positive("kappa", self.kappa)

    def negative_log(self, gradient: Gradient, targets: Targets) -> Tensor:
        """Weighted distance of directions, (R,); from 0 to twice kappa."""
        parts = list(_one_by_one(gradient, targets)) if self.per_layer else [gradient]
        distances, present = zip(*(_distance(part, targets) for part in parts), strict=True)
        count = torch.stack(present).sum(0).clamp_min(1)
        return self.kappa * torch.stack(distances).sum(0) / count


def _one_by_one(gradient: Gradient, targets: Targets) -> Iterator[Gradient]:
    for name, block in gradient.blocks.items():
        if not targets.blocks[name].hidden:
            yield Gradient({name: block})


def _distance(gradient: Gradient, targets: Targets) -> tuple[Tensor, Tensor]:
    """One minus the cosine, (R,), zero where there is no direction; and whether there is one, (R,)."""
    inner = gradient.inner(targets)
    energy = of_rows(
        torch.stack([targets.blocks[name].energy for name in gradient.blocks]).sum(0), len(inner)
    )
    tiny = torch.finfo(inner.dtype).tiny
    norms = (gradient.square_norm(targets).clamp_min(tiny) * energy.clamp_min(tiny)).sqrt()
    return (1 - inner / norms.clamp_min(tiny)) * (energy > 0), energy > 0
