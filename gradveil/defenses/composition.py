"""Defenses one after the other: `identity`, `chain`, and what a chain does at each of the four points."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from gradveil.defenses.base import Defense, Session
from gradveil.defenses.mechanism import DefenseError, Knob, Mechanism, Point
from gradveil.defenses.plain import Identity
from gradveil.defenses.points import BatchDefense, ModelDefense, UpdateDefense, Work
from gradveil.defenses.update.compact import CompactSession
from gradveil.exchange import GaussianNoise, Layout, Noise, Update

identity = Identity()
"""No defense; it changes no chain."""


@dataclass(frozen=True)
class Chain(Mechanism):
    """Several defenses, in the order in which a client comes past; made by `chain`."""

    parts: tuple[Mechanism, ...]

    @property
    def name(self) -> str:
        """Names of the parts, joined by a plus."""
        return "+".join(part.name for part in self.parts)

    @property
    def claim(self) -> str:
        """What each part promises by itself; nothing more is promised of them together."""
        return "; then ".join(part.claim for part in self.parts)

    @property
    def knobs(self) -> Mapping[str, Knob]:
        """Those of all parts, each behind its part's name."""
        return {f"{part.name}.{name}": knob for part in self.parts for name, knob in part.knobs.items()}

    @property
    def noise(self) -> Noise | None:
        """That of the one part that adds noise; of several, normal noise of their joint deviation."""
        found = [part.noise for part in self.parts if part.noise is not None]
        return GaussianNoise(math.hypot(*(one.std for one in found))) if len(found) > 1 else (*found, None)[0]


def chain(*parts: Mechanism) -> Mechanism:
    """Defenses one after the other; chains are flattened, and `identity` is left out.

    Hence `chain(identity, d) == chain(d, identity) == chain(d) == d`, `chain() == identity`, and
    `chain(chain(a, b), c) == chain(a, chain(b, c))`.

    Raises:
        DefenseError: a part behind one that acts later, two parts where one is possible, or one that starts
            anew from the batch behind another that has changed the update.
    """
    flat = tuple(one for part in parts for one in parts_of(part) if one != identity)
    if len(flat) < 2:
        return flat[0] if flat else identity
    for first, second in pairwise(flat):
        _require_order(first, second)
    if any(part.point is Point.MODEL for part in flat) and any(_recomputes(part) for part in flat):
        raise DefenseError("a part that starts anew from the batch does not know the client's private model")
    return Chain(flat)


def parts_of(defense: Mechanism) -> tuple[Mechanism, ...]:
    """The parts of a chain, in order; any other defense is its own only part."""
    return defense.parts if isinstance(defense, Chain) else (defense,)


def _require_order(first: Mechanism, second: Mechanism) -> None:
    pair = f"{first.name!r} and then {second.name!r}"
    if first.point > second.point:
        order = ", ".join(point.name.lower() for point in Point)
        raise DefenseError(f"{pair}: defenses act in the order {order}; swap them")
    if first.point is second.point and first.point in (Point.MODEL, Point.WIRE):
        raise DefenseError(f"{pair}: only one defense can act at the {first.point.name.lower()}; drop one")
    if first.point is Point.UPDATE and _recomputes(second):
        raise DefenseError(f"{pair}: {second.name!r} starts anew from the batch; put it first")


def _recomputes(part: Mechanism) -> bool:
    return isinstance(part, UpdateDefense) and part.recomputes


@dataclass(frozen=True)
class Stages:
    """What a defense does at each point, in the order of a client's round."""

    batch: tuple[BatchDefense, ...]
    model: ModelDefense | None
    update: tuple[UpdateDefense, ...]
    wire: Defense

    @classmethod
    def of(cls, defense: Mechanism) -> "Stages":
        """Its parts by point; what is missing does nothing."""
        parts = parts_of(defense)
        return cls(
            batch=tuple(part for part in parts if isinstance(part, BatchDefense)),
            model=next((part for part in parts if isinstance(part, ModelDefense)), None),
            update=tuple(part for part in parts if isinstance(part, UpdateDefense)),
            wire=next((part for part in parts if isinstance(part, Defense)), identity),
        )

    @property
    def before_the_wire(self) -> bool:
        """Whether anything happens before the update is sent."""
        return bool(self.batch or self.model or self.update)

    @property
    def value_range(self) -> tuple[float, float]:
        """Least and largest value that can be fed in."""
        return self.batch[-1].value_range if self.batch else (0.0, 1.0)

    def feed(self, images: Tensor, labels: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """The batch (B, C, H, W) and class probabilities (B, classes) that are fed in."""
        for part in self.batch:
            images, labels = part.feed(images, labels, rng)
        return images, labels

    def apply(self, update: Update, work: Work, rng: np.random.Generator) -> Update:
        """What a client hands to the wire."""
        for part in self.update:
            update = part.apply(update, work, rng)
        return update

    def open(self, clients: Sequence[str], layout: Layout, rng: np.random.Generator) -> Session:
        """A round of the wire; in the clear, updates travel in as few bytes as they can."""
        if self.update and self.wire == identity:
            return CompactSession(clients, layout, self.wire.min_clients)
        return self.wire.open(clients, layout, rng)
