"""The search for ATS's policies, by what gradients tell of a transformed image and what a network learns."""

from dataclasses import dataclass
from math import inf

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional as F

from gradveil.defenses.batch.ats import Policy, transformed
from gradveil.defenses.batch.transformations import LIBRARY
from gradveil.defenses.mechanism import DefenseError

_EPSILON = 1e-5
_LONGEST = 3


@dataclass(frozen=True, eq=False)
class Judges:
    """Networks and public examples by which policies are judged.

    Attributes:
        trained: for a few epochs, on a small part of the data.
        fresh: with its first weights.
        images: (N, C, H, W) in [0, 1].
        labels: classes (N,).
    """

    trained: nn.Module
    fresh: nn.Module
    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class JudgedPolicy:
    """A policy with its scores.

    Attributes:
        policy: as `ATS` takes it.
        privacy: mean likeness of gradients; the lower, the harder the inversion is said to be.
        accuracy: the higher, the better the network is said to learn.
    """

    policy: str
    privacy: float
    accuracy: float


def search_policies(
    judges: Judges, candidates: int, keep: int, least_accuracy: float, rng: torch.Generator
) -> list[JudgedPolicy]:
    """The policies of lowest privacy score among random ones that are accurate enough, best first.

    Candidates have one to three transformations. Join several by `+` for a hybrid policy.

    Args:
        judges: that score every candidate.
        candidates: how many are drawn.
        keep: how many are returned, at most.
        least_accuracy: of `accuracy_score`. Published for CIFAR-100 and ResNet-20: a sum of -85 over the
            classes among 100 images, 63 on average; other data and networks have other scales.
        rng: a CPU generator; the only source of randomness.

    Raises:
        DefenseError: no candidate is accurate enough.

    Source: Gao et al. 2021 (CVPR), algorithm 1 (1,500 candidates); they draw each of three transformations
        or none, evenly, and so does this.
    """
    judged = [_judged(judges, _drawn(rng), rng) for _ in range(candidates)]
    fit = [one for one in judged if one.accuracy >= least_accuracy]
    if not fit:
        best = max((one.accuracy for one in judged), default=-inf)
        raise DefenseError(f"no policy reaches accuracy {least_accuracy:g}, the best {best:g}; draw more")
    return sorted(fit, key=lambda one: one.privacy)[:keep]


def privacy_score(
    network: nn.Module, images: Tensor, labels: Tensor, rng: torch.Generator, bins: int = 20
) -> float:
    """Likeness of an example's gradient to those on the way to it from noise, mean over way and examples.

    Likeness is the cosine of two gradients, averaged over the parameters; the way is straight, and the mean
    over it by the trapezoidal rule.

    Args:
        network: in eval mode, barely trained.
        images: transformed ones, (N, C, H, W).
        labels: classes (N,).
        rng: draws the noise, uniform in [0, 1].
        bins: steps of the way.

    Source: Gao et al. 2021 (CVPR), equations 4 to 6; trapezoidal as in their code.
    """
    noise = torch.rand(images.shape, generator=rng).to(images)
    steps = torch.linspace(0, 1, bins + 1).to(images)[:, None, None, None]
    ways = (start + steps * (end - start) for start, end in zip(noise, images, strict=True))
    scores = [_likeness(network, way, label) for way, label in zip(ways, labels, strict=True)]
    return float(torch.stack(scores).mean())


def accuracy_score(network: nn.Module, images: Tensor) -> float:
    """Minus the mean of log v + 1 / v over the eigenvalues v of the correlation of the images' Jacobians.

    At most -1, where the network tells all images apart. The published score is the sum over the images.

    Args:
        network: in eval mode, with its first weights.
        images: transformed ones, (N, C, H, W), of N classes.

    Source: Gao et al. 2021 (CVPR), equation 7; Mellor et al. 2021 (ICML).
    """
    images = images.detach().requires_grad_()
    jacobian = torch.autograd.grad(network(images).sum(), images)[0].flatten(1).double()
    correlation = torch.corrcoef(jacobian)
    if not bool(correlation.isfinite().all()):
        return -inf
    values = torch.linalg.eigvalsh(correlation).clamp_min(0) + _EPSILON
    return -float((values.log() + 1 / values).mean())


def _likeness(network: nn.Module, way: Tensor, label: Tensor) -> Tensor:
    """Mean cosine of the gradients on a way (steps, C, H, W) to that at its end."""
    weights = {name: one.detach() for name, one in network.named_parameters() if one.requires_grad}

    def loss(weights: dict[str, Tensor], image: Tensor) -> Tensor:
        return F.cross_entropy(functional_call(network, weights, (image[None],)), label[None])

    gradients = [one.flatten(1) for one in vmap(grad(loss), in_dims=(None, 0))(weights, way).values()]
    cosines = torch.stack([F.cosine_similarity(one, one[-1:]) for one in gradients]).mean(0)
    return torch.trapezoid(cosines, dx=1 / (len(way) - 1))


def _judged(judges: Judges, policy: Policy, rng: torch.Generator) -> JudgedPolicy:
    fed = transformed(judges.images, policy, rng)
    _, first = np.unique(judges.labels.cpu().numpy(), return_index=True)
    return JudgedPolicy(
        policy="-".join(str(number) for number in policy),
        privacy=privacy_score(judges.trained, fed, judges.labels, rng),
        accuracy=accuracy_score(judges.fresh, fed[first]),
    )


def _drawn(rng: torch.Generator) -> Policy:
    """One to three transformations: each of three is one of the library's or none, but not all are none."""
    while True:
        numbers = torch.randint(-1, len(LIBRARY), (_LONGEST,), generator=rng).tolist()
        if any(number >= 0 for number in numbers):
            return tuple(number for number in numbers if number >= 0)
