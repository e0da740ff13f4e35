"""Statistics of batch-normalisation layers, known from the model or granted."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.checks import require_weight
from attacks.errors import AttackError
from attacks.model import Model
from attacks.priors.base import Proposal


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean and variance of each channel at one layer: (C,), the same for all victims, or (V, C).

    The variance is that of the values themselves, divided by their number, as batch normalisation in
    training mode divides by it.
    """

    mean: Tensor
    variance: Tensor

    @classmethod
    def of(cls, inputs: Tensor) -> "Moments":
        """Moments (R, C) of a layer's inputs (R, B, C, ...)."""
        axes = (1, *range(3, inputs.ndim))
        return cls(inputs.mean(axes), inputs.var(axes, correction=0))


@dataclass(frozen=True, eq=False)
class BatchNormStatistics:
    """Images should give every batch-normalisation layer the moments it is known to have had.

    Exact moments of a victim's batch are an assumption to be granted; running statistics are part of the
    model, but describe the training data, not the batch.

    Attributes:
        moments: known moments, in the order of `Model.batch_norm_layers`, on the model's device.
        weight: against the other beliefs.

    Source: Yin et al. 2020 (DeepInversion), equation 4; Yin et al. 2021 (GradInversion): the sum
        of the Euclidean distances of means and of variances, not of their squares.
    """

    moments: Sequence[Moments]
    weight: float

    def __post_init__(self) -> None:
        require_weight(self.weight)

    def negative_log(self, proposal: Proposal) -> Tensor:
        """Weighted sum over the layers, (R,).

        Raises:
            AttackError: the model has other layers than moments are given for, or none.
        """
        if not self.moments or len(self.moments) != len(proposal.normalised):
            raise AttackError(
                f"moments of {len(self.moments)} layers for {len(proposal.normalised)} calls of "
                "batch-normalisation layers; give one for each call, and at least one"
            )
        pairs = zip(proposal.normalised, self.moments, strict=True)
        distances = [_distance(Moments.of(inputs), known) for inputs, known in pairs]
        return self.weight * torch.stack(distances).sum(0)


def running_statistics(model: Model) -> tuple[Moments, ...]:
    """The moments that a model's batch-normalisation layers keep.

    Raises:
        AttackError: the model has no such layer, or one keeps none.
    """
    if not model.batch_norm_layers:
        raise AttackError("the model has no batch-normalisation layer; use another prior")
    return tuple(_kept_by(model, name) for name in model.batch_norm_layers)


def _kept_by(model: Model, layer: str) -> Moments:
    buffers = dict(model.network.get_submodule(layer).named_buffers(recurse=False))
    if "running_mean" not in buffers:
        raise AttackError(f"layer {layer} keeps no running statistics; grant the batch's own instead")
    return Moments(buffers["running_mean"], buffers["running_var"])


def _distance(found: Moments, known: Moments) -> Tensor:
    """Distance (R,) of moments (R, C) from moments (C,) or (V, C)."""
    of_mean: Tensor = torch.linalg.vector_norm(found.mean - _for_rows(known.mean, found.mean), dim=1)
    apart = found.variance - _for_rows(known.variance, found.variance)
    of_variance: Tensor = torch.linalg.vector_norm(apart, dim=1)
    return of_mean + of_variance


def _for_rows(known: Tensor, found: Tensor) -> Tensor:
    known = known if known.ndim == 2 else known[None]
    rows, channels = found.shape
    if known.shape[1] != channels or rows % len(known):
        raise AttackError(
            f"moments {tuple(known.shape)} do not fit {rows} rows of a layer with {channels} channels; "
            "give one for each channel, and for each victim where victims differ"
        )
    return known.repeat_interleave(rows // len(known), dim=0)
