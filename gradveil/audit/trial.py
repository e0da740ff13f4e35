"""One trial: one defense, one attack, one cohort. The only place where truth meets reconstruction."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from attacks import Attack, Found, Model, NotApplicableError
from gradveil.audit.cohort import VICTIM, Cohort
from gradveil.audit.round import Cost, Round
from gradveil.exchange import Knowledge
from gradveil.metrics import Score, score


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one trial measured.

    Attributes:
        status: `ok`; `inapplicable` if the attack had nothing to work on; `failed` on any error.
        error: the reason, one line, unless ok.
        cost: of the protected round, None if the round itself failed.
        score: of the reconstruction, None unless ok.
        seconds_attack: wall-clock seconds of the attack.
        pictures: truth and reconstruction, paired, None unless ok.
        origin: which of its ways the attack owes the reconstruction to, if it has several.
    """

    status: Literal["ok", "failed", "inapplicable"]
    error: str | None
    cost: Cost | None
    score: Score | None
    seconds_attack: float
    pictures: tuple[NDArray[np.float32], NDArray[np.float32]] | None
    origin: str = ""


def trial(
    protect: Callable[[], Round],
    attack: Attack,
    model: Model,
    cohort: Cohort,
    knowledge: Knowledge,
    rng: torch.Generator,
) -> Outcome:
    """Run the round, hand the observation to the attack, and score what comes back; never raises.

    Args:
        protect: runs the cohort's round behind the defense; a round may serve several attacks.
        attack: the adversary.
        model: the public network, unless the round says how a defense has changed it.
        cohort: the truth, unless the round says what was fed in instead.
        knowledge: what the adversary is granted.
        rng: the attack's only randomness.
    """
    cost, start = None, perf_counter()
    try:
        protected = protect()
        cost, start = protected.cost, perf_counter()
        observation = protected.observed_with(knowledge)
        found = attack.reconstruct(observation, protected.model or model, client=VICTIM, rng=rng)
        seconds = perf_counter() - start
        return _scored(found, protected.cohort or cohort, cost, seconds)
    except NotApplicableError as error:
        return Outcome("inapplicable", str(error), cost, None, perf_counter() - start, None)
    except Exception as error:  # a failed trial is a row of the audit, whatever went wrong
        return failure(error, cost, perf_counter() - start)


def failure(error: Exception, cost: Cost | None = None, seconds: float = 0.0) -> Outcome:
    """What is left of a trial that broke."""
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return Outcome("failed", reason, cost, None, seconds, None)


def _scored(found: Found, cohort: Cohort, cost: Cost, seconds: float) -> Outcome:
    truth = cohort.images_of(found.clients)
    result = score(found.images, found.labels, truth, cohort.labels_of(found.clients), cohort.others)
    pictures = (truth, np.ascontiguousarray(found.images[result.order]))
    return Outcome("ok", None, cost, result, seconds, pictures, found.origin)
