"""What one example's gradient says about the trunk of a network without any search."""

from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.errors import NotApplicableError
from attacks.evidence import Evidence, targets_of
from attacks.gradients import Targets
from attacks.labels import LabelCandidates
from attacks.model import Model
from attacks.routing.scale import factors
from attacks.routing.trunk import Block, Trunk


@dataclass(frozen=True, eq=False)
class Known:
    """Exact values at the end of the trunk, and the readings of its convolutions.

    Attributes:
        features: what the linear layer gets, as pooled maps (C, h, w).
        signal: gradient of the loss with respect to them, (C, h, w).
        targets: all readings.
    """

    features: Tensor
    signal: Tensor
    targets: Targets

    def weight_gradient(self, block: Block) -> tuple[Tensor, Tensor]:
        """Readings (O, K) of a convolution's weight gradient and which of them there are, as 0 and 1."""
        target = self.targets.blocks[f"{block.name}.weight"]
        shape = block.matrix.shape
        return target.values.reshape(shape), target.weights.reshape(shape)


def known_of(evidence: Evidence, model: Model, trunk: Trunk, labels: LabelCandidates) -> Known:
    """Features and signal by dW = delta h^T and dL/dh = W^T delta, once the layer's readings are complete.

    Raises:
        NotApplicableError: several examples or noise, which leave no rank of one; or hidden entries of the
            linear layer that the readable ones do not determine.
    """
    if evidence.examples != 1 or evidence.noise_std > 0:
        raise NotApplicableError("routes need one example without noise; use gradient matching")
    features, deltas = factors(evidence, model, trunk.linear, labels)
    signal = model.parameters[f"{trunk.linear}.weight"].mT @ deltas
    features, signal = features.clamp_min(0).reshape(trunk.shape), signal.reshape(trunk.shape)
    return Known(features, signal, targets_of([evidence], model.layout))


def convolutions_energy(known: Known, trunk: Trunk) -> Tensor:
    """Sum of the squared readings of all convolutions, (1,)."""
    names = [f"{block.name}.{part}" for block in trunk.blocks for part in ("weight", "bias")]
    energies = [known.targets.blocks[name].energy for name in names if name in known.targets.blocks]
    return torch.stack(energies).sum(0)
