"""Soteria: the features that give an image away are left out of one layer's gradient."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gradveil.defenses.mechanism import DefenseError
from gradveil.defenses.points import UpdateDefense, Work
from gradveil.exchange import Update

_OFFSET = 0.1
_ROWS = 256
"""Of Jacobians that share one backward pass; 8,192 overflow a processor's caches: 3.5 times as long."""


@dataclass(frozen=True)
class Soteria(UpdateDefense):
    """Columns of one linear layer's weight gradient are zero where its input feature is masked.

    Each example masks the features r_f of smallest |dr_f / dx| / (|r_f| + 0.1). All other gradients, the
    layer's bias too, are what they were. It starts anew from batch and network.

    Attributes:
        share: of the features that are masked.
        layer: the linear layer whose inputs are the features; None is the network's last.

    Source: Sun et al. 2021 (CVPR), section 4.2; score and percentile as in the code that Balunovic et al.
        2022 attack, whose features are positive.
    """

    name: ClassVar[str] = "soteria"
    recomputes: ClassVar[bool] = True
    claim: ClassVar[str] = (
        "features that are said to carry an image are missing from one layer's gradient; the other layers "
        "still hold it"
    )
    share: float = 0.8
    layer: str | None = None

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise DefenseError(f"a share of {self.share:g} masks nothing or everything; give one in between")

    def apply(self, update: Update, work: Work, rng: np.random.Generator) -> Update:
        """The update with the defended layer's weight gradient from masked features.

        Raises:
            DefenseError: the network has no such linear layer.
        """
        name, layer = defended_layer(work.network, self.layer)
        gradient = masked_gradient(work, layer, self.share)
        vector = update.vector.copy()
        vector[update.layout.slices[f"{name}.weight"]] = gradient.flatten().cpu().numpy()
        return Update(update.layout, vector, update.weight)


def defended_layer(network: nn.Module, name: str | None) -> tuple[str, nn.Linear]:
    """The linear layer of this name, or the last one; DefenseError if there is none."""
    linear = {key: one for key, one in network.named_modules() if isinstance(one, nn.Linear)}
    if not linear or (name is not None and name not in linear):
        raise DefenseError(f"no linear layer {name or ''}; choose among {', '.join(linear) or 'none'}")
    chosen = name if name is not None else list(linear)[-1]
    return chosen, linear[chosen]


def masked_gradient(work: Work, layer: nn.Linear, share: float) -> Tensor:
    """Mean weight gradient (out, in) of a layer whose inputs are masked, example by example."""
    images = work.images.detach().requires_grad_()
    features, outputs, logits = _recorded(work.network, layer, images)
    scores = sensitivity(features, images) / (features.detach().abs() + _OFFSET)
    kept = scores >= torch.quantile(scores, share, dim=1, keepdim=True)
    loss = F.cross_entropy(logits, work.labels)
    deltas = torch.autograd.grad(loss, outputs)[0]
    return deltas.mT @ (features.detach() * kept)


def sensitivity(features: Tensor, images: Tensor) -> Tensor:
    """Norms |dr_f / dx| (B, F) of each example's own features (B, F), many rows of a Jacobian at once."""
    examples, count = features.shape
    norms, one_hot = [], torch.eye(count, device=features.device, dtype=features.dtype)
    for chunk in torch.split(one_hot, max(1, _ROWS // examples)):
        rows = chunk[:, None].expand(-1, examples, -1)
        jacobian = torch.autograd.grad(features, images, rows, retain_graph=True, is_grads_batched=True)[0]
        norms.append(jacobian.flatten(2).norm(dim=2))
    return torch.cat(norms).mT


def _recorded(network: nn.Module, layer: nn.Linear, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs (B, F) and outputs of the layer, and logits."""
    seen: list[tuple[Tensor, Tensor]] = []
    handle = layer.register_forward_hook(lambda _, inputs, output: seen.append((inputs[0], output)))
    try:
        logits = network(images)
    finally:
        handle.remove()
    if len(seen) != 1 or seen[0][0].ndim != 2:
        raise DefenseError("the defended layer is not called once, on features (B, F); choose another")
    return *seen[0], logits
