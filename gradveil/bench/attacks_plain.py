"""The plain loop: double backward through the network, one restart after the other, as DLG's code does."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from gradveil.bench.attacks_contender import STEP_SIZE, Images, timed
from gradveil.bench.attacks_victim import Victim

_SEED = 0


class PlainLoop:
    """Squared distance of gradients, Adam; either backward() into everything, or into the image alone."""

    def __init__(self, *, image_only: bool) -> None:
        self._image_only = image_only
        self.name = f"plain loop, backward({'inputs=' if image_only else ''}):"
        self.package = f"torch {torch.__version__} ({'backward(inputs=)' if image_only else 'backward()'})"

    def start(self, victim: Victim, restarts: int) -> "PlainSteps":
        """See `Racer.start`."""
        return PlainSteps(victim, starts(victim, restarts), image_only=self._image_only)


class PlainSteps:
    """Each restart has an optimiser of its own.

    Attributes:
        images: where the restarts are, (1, C, H, W) each.
    """

    def __init__(self, victim: Victim, images: list[Tensor], *, image_only: bool) -> None:
        self._device, self.images = victim.image.device, images
        self._steps = [
            (torch.optim.Adam([image], lr=STEP_SIZE), Distance(victim, image, image_only=image_only))
            for image in images
        ]

    def seconds(self, steps: int) -> float:
        """See `Stepper.seconds`."""
        return timed(partial(self._take, steps), self._device)[0]

    def _take(self, steps: int) -> None:
        for optimiser, distance in self._steps:
            for _ in range(steps):
                optimiser.zero_grad()
                distance()
                optimiser.step()


class DeepLeakage:
    """The plain loop as it was published, with L-BFGS but a given label; an iteration is up to 20 steps.

    Source: Zhu et al. 2019 (DLG), section 4.1; the label as in Zhao et al. 2020 (iDLG).
    """

    name = "plain loop, DLG:"
    package = f"torch {torch.__version__} (DLG)"

    def reconstruct(self, victim: Victim, restarts: int, iterations: int) -> Images:
        """See `Adversary.reconstruct`."""
        images = starts(victim, restarts)
        values = torch.stack([_minimised(victim, image, iterations) for image in images])
        best = int(values.nan_to_num(nan=torch.inf).argmin())
        return images[best].detach().clamp(0, 1).cpu().numpy()


@dataclass(frozen=True, eq=False)
class Distance:
    """The squared distance to the victim's gradients; leaves its own gradient at the image."""

    victim: Victim
    image: Tensor
    image_only: bool

    def __call__(self) -> Tensor:
        """The value, a scalar."""
        parameters = list(self.victim.network.parameters())
        loss = F.cross_entropy(self.victim.network(self.image), self.victim.label)
        gradients = torch.autograd.grad(loss, parameters, create_graph=True)
        pairs = zip(gradients, self.victim.gradients, strict=True)
        value = torch.stack([(mine - theirs).square().sum() for mine, theirs in pairs]).sum()
        value.backward(inputs=[self.image] if self.image_only else None)  # type: ignore[no-untyped-call]
        return value.detach()


def starts(victim: Victim, restarts: int) -> list[Tensor]:
    """Uniform images, the same for every call."""
    rng = torch.Generator().manual_seed(_SEED)
    drawn = torch.rand(restarts, *victim.image.shape, generator=rng).to(victim.image.device)
    return [image.clone().requires_grad_() for image in drawn]


def _minimised(victim: Victim, image: Tensor, iterations: int) -> Tensor:
    """Moves the image; the distance at the end."""
    optimiser, distance = torch.optim.LBFGS([image]), Distance(victim, image, image_only=True)
    closure: Callable[[], Tensor] = partial(_cleared, optimiser, distance)
    for _ in range(iterations):
        optimiser.step(closure)  # type: ignore[no-untyped-call]
    return closure()


def _cleared(optimiser: torch.optim.Optimizer, distance: Distance) -> Tensor:
    optimiser.zero_grad()
    return distance()
