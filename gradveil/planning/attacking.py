"""What the engine's adversaries get out of a view, on sample images in place of clients' ones."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray

from attacks import (
    EXACT,
    LBFGS,
    Attack,
    Box,
    GradientMatching,
    NotApplicableError,
    Product,
    Stage,
    TotalVariation,
    preset,
)
from attacks.base import Case, Found
from attacks.priors.gaussian import GaussianImages
from gradveil.exchange import GradveilError, Observation
from gradveil.metrics import assign, psnr
from gradveil.planning.subject import Subject
from gradveil.planning.threat import Threat
from gradveil.planning.views import Victims, View, knowledge_of, observed

_SINGLES = 2
"""Victims attacked one by one."""

_IN_SUM, _IN_LARGE_SUM = 64, 8
"""Examples in an attacked sum at most, of small and of large networks: a smaller sum leaks more, not less."""

_PILOT, _FEWEST, _MOST = 2, 10, 1000
_SCREENING = 30
_RESTARTS = 4
_QUICK, _SEARCH = ("closed_form", "partial_linear", "patch_embedding", "april"), "mask_aware"
_SLOW = tuple(name for name in EXACT if name not in _QUICK)
_AXES = 24

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
        guess: dB of each image, by the best of mid-gray and the mean of public images: what is known before
            anything is read. By group, as attempts are.
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
    seconds: float,
    progress: Callable[[str], None],
) -> Leakage:
    """Attack a view until it is seen to leak more than `limit` dB, or time is over.

    Args:
        view: what the adversary reads.
        subject: its model and victims.
        threat: what the adversary knows.
        limit: as of `Leakage.exceeds`.
        seconds: wall-clock, for a group of victims: the search is as long as they allow, by a pilot of a few
            steps, and of the slower exact attacks none begins after them.
        progress: called with each attack's name.
    """
    leakage = Leakage((), {})
    for on, victims in _groups(view, subject, threat):
        leakage = replace(leakage, guess=leakage.guess | {on: _guessed(subject, victims)})
        knowledge = knowledge_of(subject, victims, threat)
        case = _Case(observed(view, subject, victims, knowledge, summed=on == "sum"), subject, victims, on)
        start = perf_counter()
        for name in (*_QUICK, _SEARCH, *_SLOW):
            late = name in _SLOW and perf_counter() - start > seconds
            if late or leakage.exceeds(limit):
                break
            progress(f"{name} on {on}")
            attack = _search(case, threat, seconds) if name == _SEARCH else preset(name)
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


def _search(case: _Case, threat: Threat, seconds: float) -> GradientMatching:
    """The mask-aware adversary with as many starts and steps as fit into the time."""
    prior = Product((Box(), TotalVariation(1e-2)))
    if threat.auxiliary:
        images, _ = case.subject.others
        prior = Product((*prior.factors, GaussianImages.fitted(images, min(_AXES, len(images) // 2))))
    start = perf_counter()
    _found(_with(prior, 1, _PILOT), case)
    affordable = seconds / (perf_counter() - start) * (_PILOT + 1)
    if affordable < _RESTARTS * (_SCREENING + _FEWEST):
        return _with(prior, 1, max(int(affordable), _FEWEST))
    return _with(prior, _RESTARTS, min(int(affordable - _RESTARTS * _SCREENING), _MOST))


def _with(prior: Product, restarts: int, iterations: int) -> GradientMatching:
    found = GradientMatching(prior=prior, restarts=restarts)
    screening = Stage(LBFGS(iterations=_SCREENING), keep=1, screening=True)
    return replace(found, stages=(screening, Stage(LBFGS(iterations=iterations, history=100))))


def _detail(attack: Attack) -> str:
    if not isinstance(attack, GradientMatching) or not isinstance(attack.stages[-1].search, LBFGS):
        return ""
    return f"{attack.restarts} starts, up to {attack.stages[-1].search.iterations} steps"


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
    return ended("ok", _detail(attack), tuple(value for one in found for value in _scored(one, case.victims)))


def _found(attack: Attack, case: _Case) -> list[Found]:
    """Of each victim, or of all together if only their sum is read."""
    rng = torch.Generator().manual_seed(case.subject.seed)
    names = list(case.victims.images)
    cases = [Case(case.observation, name) for name in (names[:1] if case.on == "sum" else names)]
    return attack.reconstruct_many(cases, case.subject.model, rng=rng)


def _scored(found: Found, victims: Victims) -> list[float]:
    truth = torch.cat([victims.images[name] for name in sorted(found.clients)]).cpu().numpy()
    paired: Images = found.images[assign(found.images, truth)]
    return [float(one) for one in psnr(paired, truth)]


def _guessed(subject: Subject, victims: Victims) -> tuple[float, ...]:
    truth = torch.cat([victims.images[name] for name in sorted(victims.images)]).cpu().numpy()
    guesses = (
        np.full_like(truth, 0.5),
        np.broadcast_to(subject.others[0].mean(0).cpu().numpy(), truth.shape),
    )
    scores = [psnr(np.ascontiguousarray(guess), truth) for guess in guesses]
    return tuple(float(one) for one in np.max(scores, axis=0))
