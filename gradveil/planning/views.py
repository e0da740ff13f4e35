"""What the adversary reads under a plan, and of whom."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gradveil.exchange import (
    Clear,
    Coords,
    GaussianNoise,
    Knowledge,
    Observation,
    Reading,
    Update,
    Upload,
    observe,
)
from gradveil.plan import Plan
from gradveil.planning.subject import Subject
from gradveil.planning.threat import Threat

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class View:
    """Coordinates of the model's parameters that the server and colluding clients read together.

    Attributes:
        single: read of each client by itself, (P,).
        summed: read as a sum over the honest clients at least, (P,).
        honest: number of clients in such a sum, at least.
        noise: standard deviation of the noise on such a sum, over the norm of the longest update in it.
    """

    single: Mask
    summed: Mask
    honest: int
    noise: float = 0.0

    @property
    def key(self) -> bytes:
        """Equal for equal views."""
        seen = np.packbits(np.concatenate([self.single, self.summed])).tobytes()
        return seen + np.float64(self.noise).tobytes()

    @property
    def shows_sum(self) -> bool:
        """Whether the sum shows what single clients' values do not."""
        return bool((self.summed & ~self.single).any())


def view_of(plan: Plan, subject: Subject, threat: Threat) -> View:
    """Colluding clients hold the key of what is encrypted, and know their own part and noise of any sum."""
    exposed = plan.clear.mask | (plan.encrypted.mask if threat.colluders else False)
    where = subject.parameters
    noise = 0.0 if plan.noise is None else plan.noise.sigma / subject.longest
    return View(exposed[where], (plan.masked | exposed)[where], threat.honest, noise)


@dataclass(frozen=True, eq=False)
class Victims:
    """Clients of one example or a batch each, by name.

    Attributes:
        images: (B, *input_shape) of each.
        labels: (B,) of each.
    """

    images: dict[str, Tensor]
    labels: dict[str, Tensor]

    @classmethod
    def of(cls, subject: Subject, clients: int, batch: int) -> "Victims":
        """The first so many of the subject's victims, as far as they go round."""
        images, labels = subject.victims
        count = min(clients, len(images) // batch)
        names = [f"client-{number}" for number in range(count)]
        cut = [slice(number * batch, (number + 1) * batch) for number in range(count)]
        pairs = list(zip(names, cut, strict=True))
        return cls({n: images[part] for n, part in pairs}, {n: labels[part] for n, part in pairs})


def observed(
    view: View, subject: Subject, victims: Victims, knowledge: Knowledge, *, summed: bool
) -> Observation:
    """What is read of these victims, of each or of their sum; one step of each, all examples counted.

    Beside noise, the largest update is taken to be as long as the largest of the sample, whose training takes
    more steps: a shorter one would be hidden better.
    """
    layout, updates = subject.model.layout, dict[str, Update]()
    for name, images in victims.images.items():
        gradient = subject.model.gradient(images, victims.labels[name]) / len(images)
        updates[name] = Update(layout, gradient.float().cpu().numpy(), len(images))
    coords = np.append(np.flatnonzero(view.summed if summed else view.single), layout.weight_coord)
    if not summed:
        uploads = [_upload(name, update, coords) for name, update in updates.items()]
        return observe(layout, uploads, [], knowledge)
    return observe(layout, [], [_sum(view, updates, coords, subject.seed)], knowledge)


def _sum(view: View, updates: dict[str, Update], coords: Coords, seed: int) -> Reading:
    contributions = np.stack([update.contribution().astype(np.float64) for update in updates.values()])
    total, clients = contributions.sum(axis=0), frozenset(updates)
    if not view.noise:
        return Reading(clients, coords, total[coords].astype(np.float32))
    noise = GaussianNoise(view.noise * float(np.linalg.norm(contributions[:, :-1], axis=1).max()))
    total[:-1] += noise.std * np.random.default_rng(seed).standard_normal(total.size - 1)
    return Reading(clients, coords, total[coords].astype(np.float32), noise)


def _upload(name: str, update: Update, coords: NDArray[np.int64]) -> Upload:
    return Upload(name, update.layout, (Clear(coords, update.contribution()[coords]),))


def knowledge_of(subject: Subject, victims: Victims, threat: Threat) -> Knowledge:
    """All that is granted: the labels, too, as many attacks infer them and a plan must not rest on that."""
    model = subject.model
    return replace(
        model.knowledge(threat.batch),
        labels={name: tuple(labels.tolist()) for name, labels in victims.labels.items()},
        defense="the plan",
        auxiliary_data=subject.public.source if threat.auxiliary else "none",
    )
