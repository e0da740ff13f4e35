"""What an adversary believes it has read of one group of clients, as tensors."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.errors import AttackError, NotApplicableError
from attacks.gradients import Target, Targets
from attacks.model import Model
from gradveil.exchange import Layout, Observation, Reading


@dataclass(frozen=True, eq=False)
class Evidence:
    """Values read of a sum of gradients, dense over the flat vector.

    Attributes:
        clients: whose gradients the sum holds, sorted.
        values: float32 (P,), zero where nothing was read.
        mask: bool (P,), true where the adversary takes the value to be the gradient's.
        noise_std: known standard deviation of the noise on each value, of any density; 0 if there is none.
        examples: number of examples behind the sum.
    """

    clients: tuple[str, ...]
    values: Tensor
    mask: Tensor
    noise_std: float
    examples: int

    @cached_property
    def visible(self) -> Tensor:
        """The mask as 0 and 1 of the values' type."""
        return self.mask.to(self.values.dtype)

    @cached_property
    def mean_square(self) -> float:
        """Mean of the squared values under the mask."""
        return float(self.values[self.mask].square().mean())


def readable(observation: Observation, client: str, model: Model) -> Evidence:
    """The mask-aware view: only what was really read about the smallest group around the client.

    Raises:
        NotApplicableError: not one parameter's gradient is readable.
    """
    readings = observation.about(client)
    values, mask = _parameters_read(readings, model.layout.size)
    if not mask.any():
        raise NotApplicableError("no coordinate of the update is readable; nothing to attack")
    clients = tuple(sorted(readings[0].clients))
    return Evidence(
        clients=clients,
        values=torch.from_numpy(values).to(model.device, model.dtype),
        mask=torch.from_numpy(mask).to(model.device),
        noise_std=max((r.noise.std for r in readings if r.noise is not None), default=0.0),
        examples=observation.knowledge.batch_size * len(clients),
    )


def zero_filled(observation: Observation, client: str, model: Model) -> Evidence:
    """The mask-naive view of published evaluations: every hidden coordinate is taken to read zero.

    Raises:
        NotApplicableError: nothing is hidden, so that this view is the mask-aware one; or nothing is read.
    """
    seen = readable(observation, client, model)
    if bool(seen.mask.all()):
        raise NotApplicableError("nothing is encrypted, so there is no mask to be naive about")
    return replace(seen, mask=torch.ones_like(seen.mask))


def _parameters_read(
    readings: tuple[Reading, ...], size: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    values, mask = np.zeros(size, dtype=np.float32), np.zeros(size, dtype=np.bool_)
    for reading in readings:
        inside = reading.coords < size
        values[reading.coords[inside]] = reading.values[inside]
        mask[reading.coords[inside]] = True
    return values, mask


def targets_of(evidence: Sequence[Evidence], layout: Layout) -> Targets:
    """Evidence about V victims of one model, stacked for a search.

    Raises:
        AttackError: no victim, or victims with different numbers of examples.
    """
    if len({one.examples for one in evidence}) != 1:
        raise AttackError("victims of one search need equally many examples; attack them one by one")
    values = torch.stack([one.values for one in evidence])
    weights = torch.stack([one.visible for one in evidence])
    return Targets(
        blocks={name: Target(values[:, part], weights[:, part]) for name, part in layout.slices.items()},
        noise_std=values.new_tensor([one.noise_std for one in evidence]),
        mean_square=values.new_tensor([one.mean_square for one in evidence]),
        examples=evidence[0].examples,
    )
