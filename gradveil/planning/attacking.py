"""What the engine's adversaries get out of a view, on sample images in place of clients' ones."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray

from attacks import EXACT, Attack, NotApplicableError, preset
from attacks.base import Case, Found
from gradveil.exchange import GradveilError, Observation
from gradveil.metrics import assign, psnr
from gradveil.planning.searching import SEARCHES, detail, search
from gradveil.planning.subject import Subject
from gradveil.planning.threat import Threat
from gradveil.planning.views import Victims, View, knowledge_of, observed

_SINGLES = 2
"""Victims attacked one by one."""

_IN_SUM, _IN_LARGE_SUM = 64, 8
"""Examples in an attacked sum at most, of small and of large networks: a smaller sum leaks more, not less."""

_QUICK = ("closed_form", "partial_linear", "patch_embedding", "april")
_SLOW = tuple(name for name in EXACT if name not in _QUICK)

Images = NDArray[np.float32]


@dataclass(frozen=True)
class Attempt:
    """One attack on one group of victims.

    Attributes:
        attack: its name.
        on: `single` clients or a `sum`.
        status: `ok`, `inapplicable` or `failed`.
        psnr: dB of each victim's image that it was scored on, empty unless ok.
        seconds: wall-clock.
        detail: how long it searched, or why it did not.
    """

    attack: str
    on: str
    status: str
    psnr: tuple[float, ...]
    seconds: float
    detail: str


@dataclass(frozen=True)
class Leakage:
    """Of a view, to the worst of all attempts.

    Attributes:
        attempts: all of them, failed ones included.
        guess: dB of each image, by the best of mid-gray, the mean of public images and that of those of its
            class, paired as attacks are: what is known before anything is read. By group, as attempts are.
    """

    attempts: tuple[Attempt, ...]
    guess: dict[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def worst(self) -> float | None:
        """DB of the best seen image; None if there was nothing to attack."""
        return max((max(attempt.psnr) for attempt in self.attempts if attempt.psnr), default=None)

    @property
    def unscored(self) -> tuple[str, ...]:
        """Groups of victims on which no attack came to an end: of them nothing is known."""
        scored = {attempt.on for attempt in self.attempts if attempt.psnr}
        return tuple(on for on in self.guess if on not in scored)

    def exceeds(self, limit: float) -> bool:
        """Whether an image is seen better than the limit and, by more than a decibel, than without reading.

        A decibel, as a maximum over attacks beats each of them by chance (`gradveil.records.verdict`).
        """
        return any(
            one > max(limit, known + 1)
            for attempt in self.attempts
            for one, known in zip(attempt.psnr, self.guess[attempt.on], strict=bool(attempt.psnr))
        )


def attacked(
    view: View,
    subject: Subject,
    threat: Threat,
    limit: float,
    steps: int | None,
    progress: Callable[[str], None],
) -> Leakage:
    """Attack a view until it is seen to leak more than `limit` dB, or all attacks are done.

    How far they get depends on the arguments alone, not on how fast or loaded the machine is.

    Args:
        view: what the adversary reads.
        subject: its model and victims.
        threat: what the adversary knows.
        limit: as of `Leakage.exceeds`.
        steps: of the search, from the best of its starts; None for some hundred, on large networks some ten.
        progress: called with each attack's name.
    """
    leakage = Leakage((), {})
    for on, victims in _groups(view, subject, threat):
        leakage = replace(leakage, guess=leakage.guess | {on: _guessed(subject, victims)})
        knowledge = knowledge_of(subject, victims, threat)
        case = _Case(observed(view, subject, victims, knowledge, summed=on == "sum"), subject, victims, on)
        for name, attack in _attacks(subject, threat, steps):
            if leakage.exceeds(limit):
                break
            progress(f"{name} on {on}")
            leakage = replace(leakage, attempts=(*leakage.attempts, _attempt(name, attack, case)))
    return leakage


@dataclass(frozen=True, eq=False)
class _Case:
    """What all attacks on one group of victims have in common."""

    observation: Observation
    subject: Subject
    victims: Victims
    on: str


def _groups(view: View, subject: Subject, threat: Threat) -> Iterator[tuple[str, Victims]]:
    if view.single.any():
        yield "single", Victims.of(subject, _SINGLES, threat.batch)
    if view.shows_sum:
        most = _IN_LARGE_SUM if subject.is_large else _IN_SUM
        yield "sum", Victims.of(subject, min(view.honest, max(most // threat.batch, 2)), threat.batch)


def _attacks(subject: Subject, threat: Threat, steps: int | None) -> Iterator[tuple[str, Attack]]:
    """The fastest first; the slower exact ones on small networks only."""
    large, images = subject.is_large, subject.others[0] if threat.auxiliary else None
    yield from ((name, preset(name)) for name in _QUICK)
    yield from ((name, search(name, large=large, steps=steps, images=images)) for name in SEARCHES)
    yield from ((name, preset(name)) for name in _SLOW if not large)


def _attempt(name: str, attack: Attack, case: _Case) -> Attempt:
    start = perf_counter()

    def ended(status: str, detail: str, scored: tuple[float, ...] = ()) -> Attempt:
        return Attempt(name, case.on, status, scored, perf_counter() - start, detail)

    try:
        found = _found(attack, case)
    except NotApplicableError as error:
        return ended("inapplicable", str(error))
    except (GradveilError, RuntimeError) as error:
        return ended("failed", f"{type(error).__name__}: {error}")
    return ended("ok", detail(attack), tuple(value for one in found for value in _scored(one, case.victims)))


def _found(attack: Attack, case: _Case) -> list[Found]:
    """Of each victim, or of all together if only their sum is read."""
    rng = torch.Generator().manual_seed(case.subject.seed)
    names = list(case.victims.images)
    cases = [Case(case.observation, name) for name in (names[:1] if case.on == "sum" else names)]
    return attack.reconstruct_many(cases, case.subject.model, rng=rng)


def _scored(found: Found, victims: Victims) -> list[float]:
    truth = torch.cat([victims.images[name] for name in sorted(found.clients)]).cpu().numpy()
    return _paired(found.images, truth)


def _guessed(subject: Subject, victims: Victims) -> tuple[float, ...]:
    names = sorted(victims.images)
    truth = torch.cat([victims.images[name] for name in names])
    images, classes = subject.others
    of_classes = [images[classes == label] for name in names for label in victims.labels[name]]
    mean = images.mean(0)
    guesses = (
        torch.full_like(truth, 0.5),
        mean.expand_as(truth),
        torch.stack([some.mean(0) if len(some) else mean for some in of_classes]),
    )
    scores = [_paired(guess.contiguous().cpu().numpy(), truth.cpu().numpy()) for guess in guesses]
    return tuple(float(one) for one in np.max(scores, axis=0))


def _paired(images: Images, truth: Images) -> list[float]:
    """DB of each true image, under the best pairing."""
    return [float(one) for one in psnr(images[assign(images, truth)], truth)]
