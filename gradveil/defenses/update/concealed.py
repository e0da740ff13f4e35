"""Concealed samples: gradients are mixed with those of synthetic examples that look like nothing."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gradveil.defenses.mechanism import DefenseError
from gradveil.defenses.points import UpdateDefense, Work
from gradveil.exchange import Update


@dataclass(frozen=True)
class ConcealedSamples(UpdateDefense):
    """The mean gradient of a batch and as many synthetic examples, whose gradient is like the batch's.

    A synthetic image starts as noise, with another class than its example's, and Adam moves it: towards a
    batch gradient of the same direction, the example's logits, and a large distance from the example. If the
    mixture opposes the batch's gradient, that component is taken away. It starts anew from the batch.

    Attributes:
        steps: of Adam.
        rate: its learning rate, in the pixels' unit.
        distance: weight of the distance of images, in the exponent.
        logits: weight of the relative distance of logits.

    Source: Wu et al. 2024 (AAAI), concealing sensitive samples; losses and defaults as in the authors' code
        (JingWu321/DCS-2, `dcs.py`), with their settings of labels that are not mixed (lambda_y = 1) and noise
        to start from. Their projection adds half the batch's gradient; the paper's text was not at hand.
    """

    name: ClassVar[str] = "concealed_samples"
    recomputes: ClassVar[bool] = True
    claim: ClassVar[str] = (
        "the server reads the mean gradient of the batch and of as many synthetic examples; nothing is "
        "proven, and an inversion can look for both"
    )
    steps: int = 1000
    rate: float = 0.1
    distance: float = 0.01
    logits: float = 0.01

    def __post_init__(self) -> None:
        if not (self.steps >= 0 and 0 < self.rate < float("inf") and min(self.distance, self.logits) >= 0):
            raise DefenseError("steps and weights must not be negative, the rate positive and finite")

    def apply(self, update: Update, work: Work, rng: np.random.Generator) -> Update:
        """The mixed gradient; it counts as that of the batch alone."""
        draw = torch.Generator().manual_seed(int(rng.integers(2**62)))
        shares = _shares(work)
        aim = work.network(work.images)
        true = _gradient(work, aim, shares).detach()
        classes = _others(shares, draw)
        noise = torch.randn(work.images.shape, generator=draw).to(work.images)
        decoys = self._moved(work, true, aim.detach(), noise, classes)
        mixed = (true + _gradient(work, work.network(decoys), classes).detach()) / 2
        opposed = (mixed @ true).clamp_max(0) / true.square().sum().clamp_min(1e-30)
        return Update(update.layout, (mixed - opposed * true).cpu().numpy(), update.weight)

    def _moved(self, work: Work, true: Tensor, aim: Tensor, images: Tensor, classes: Tensor) -> Tensor:
        images = images.requires_grad_()
        adam = torch.optim.Adam([images], lr=self.rate)
        for _ in range(self.steps):
            adam.zero_grad()
            images.grad = torch.autograd.grad(self._loss(work, true, aim, images, classes), images)[0]
            adam.step()
        return images.detach()

    def _loss(self, work: Work, true: Tensor, aim: Tensor, images: Tensor, classes: Tensor) -> Tensor:
        logits = work.network(images)
        likeness = F.cosine_similarity(_gradient(work, logits, classes), true, dim=0)
        apart = (images - work.images).flatten(1).norm(dim=1).mean()
        astray = ((logits - aim).norm(dim=1) / aim.norm(dim=1)).mean()
        loss: Tensor = 1 - likeness + torch.exp(-self.distance * apart) + self.logits * astray
        return loss


def _gradient(work: Work, logits: Tensor, shares: Tensor) -> Tensor:
    """Mean gradient, flat, as part of the graph that led to the logits."""
    weights = [one for one in work.network.parameters() if one.requires_grad]
    loss = F.cross_entropy(logits, shares)
    return torch.cat([one.flatten() for one in torch.autograd.grad(loss, weights, create_graph=True)])


def _shares(work: Work) -> Tensor:
    """Class probabilities (B, classes)."""
    if work.labels.ndim == 2:
        return work.labels
    with torch.no_grad():
        classes = work.network(work.images[:1]).shape[1]
    return F.one_hot(work.labels, classes).to(work.images)


def _others(shares: Tensor, draw: torch.Generator) -> Tensor:
    """For each example another class than its largest, evenly, one-hot."""
    count = shares.shape[1]
    shift = torch.randint(1, count, (len(shares),), generator=draw).to(shares.device)
    return F.one_hot((shares.argmax(1) + shift) % count, count).to(shares)
