"""Published attacks as plain double-backward loops, restart after restart, within a budget of CPU time."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from attacks.priors import Proposal, TotalVariation
from gradveil.bench.attacks_contender import STEP_SIZE, Images
from gradveil.bench.attacks_plain import Distance
from gradveil.bench.attacks_victim import Victim

_MILESTONES, _FALL = (3 / 8, 5 / 8, 7 / 8), 0.1
_STALL = 1e-3


class Loop(Protocol):
    """One restart of an attack."""

    def __call__(self, victim: Victim, image: Tensor, left: Callable[[], float]) -> Iterator[Tensor]:
        """Moves the images (B, C, H, W); yields their value after each step, until it is done.

        Args:
            victim: with the labels that it is taken to have.
            image: where it starts.
            left: share of the budget that is left.
        """
        ...


def reconstructed(loop: Loop, victim: Victim, seconds: float, seed: int) -> tuple[Images, int]:
    """The images of the lowest value of any restart within the budget, in [0, 1], and the steps taken."""
    rng, begin = torch.Generator().manual_seed(seed), time.process_time()
    best, lowest, steps = torch.full_like(victim.image, 0.5), torch.inf, 0

    def left() -> float:
        return 1 - (time.process_time() - begin) / seconds

    while left() > 0:
        image = torch.rand(victim.image.shape, generator=rng).requires_grad_()
        for value in loop(victim, image, left):
            steps += 1
            if float(value) < lowest:
                best, lowest = image.detach().clone(), float(value)
            if left() <= 0:
                break
    return best.clamp(0, 1).numpy(), steps


@dataclass(frozen=True)
class Dlg:
    """L-BFGS as torch comes with it, which DLG uses: rate 1, 20 inner steps, history 100, no line search.

    A restart ends after the published number of iterations, or where it stalls or breaks.

    Source: Zhu et al. 2019 (DLG), section 4.1; labels known beforehand as in Zhao et al. 2020 (iDLG).
    """

    iterations: int = 300

    def __call__(self, victim: Victim, image: Tensor, left: Callable[[], float]) -> Iterator[Tensor]:
        """See `Loop`; a step is an iteration of 20."""
        optimiser, distance = torch.optim.LBFGS([image]), Distance(victim, image, image_only=True)
        before = torch.inf
        for _ in range(self.iterations):
            optimiser.step(partial(_cleared, optimiser, distance))  # type: ignore[no-untyped-call]
            value = _cleared(optimiser, distance)
            yield value
            if not before - float(value) > _STALL * float(value):
                return
            before = float(value)


@dataclass(frozen=True)
class InvertingGradients:
    """Cosine distance and total variation, signed Adam, images clamped; the rate falls as published.

    A restart has the published number of steps, or as many as fit.

    Source: Geiping et al. 2020 (Inverting Gradients), equation 4, section 5 and published settings.
    """

    iterations: int = 4000
    variation: float = 1e-4

    def __call__(self, victim: Victim, image: Tensor, left: Callable[[], float]) -> Iterator[Tensor]:
        """See `Loop`."""
        optimiser, first = torch.optim.Adam([image], lr=STEP_SIZE), left()
        for step in range(self.iterations):
            share = max(step / self.iterations, 1 - left() / first)
            optimiser.param_groups[0]["lr"] = STEP_SIZE * _FALL ** sum(share >= one for one in _MILESTONES)
            optimiser.zero_grad()
            value = self._cost(victim, image)
            value.backward(inputs=[image])  # type: ignore[no-untyped-call]
            yield value.detach()
            assert image.grad is not None
            image.grad.sign_()
            optimiser.step()
            image.data.clamp_(0, 1)

    def _cost(self, victim: Victim, image: Tensor) -> Tensor:
        loss = F.cross_entropy(victim.network(image), victim.label)
        mine = torch.autograd.grad(loss, list(victim.network.parameters()), create_graph=True)
        pairs = list(zip(mine, victim.gradients, strict=True))
        inner = torch.stack([(one * other).sum() for one, other in pairs]).sum()
        norms = [
            torch.stack([one.square().sum() for one in side]).sum().sqrt()
            for side in zip(*pairs, strict=True)
        ]
        smooth = TotalVariation(self.variation).negative_log(Proposal(image[None]))[0] / image.numel()
        return 1 - inner / (norms[0] * norms[1]) + smooth


def _cleared(optimiser: torch.optim.Optimizer, distance: Distance) -> Tensor:
    optimiser.zero_grad()
    return distance()
