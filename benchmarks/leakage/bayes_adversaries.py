"""The four adversaries of the Bayes paper's experiment, and how all of them are tuned alike."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from attacks import GradientMatching, Stage, readable
from attacks.annealing import Geometric
from attacks.evidence import Unpruned
from attacks.likelihoods import Cosine, Gaussian, Laplace, Likelihood
from attacks.priors import SquaredVariation
from attacks.searches import Adam, Exponential
from benchmarks.leakage.bayes_setting import Defense, Setting

STEPS = 200
ADVERSARIES = ("bayes", "l2", "l1", "cosine")

_KAPPA = 3e4
"""About norm times norm over variance here, where the cosine's curvature is that of the squared error; so one
grid of prior weights is centred for all adversaries."""


@dataclass(frozen=True)
class Settings:
    """What is tuned.

    Attributes:
        weight: of the squared variation.
        learning_rate: of Adam.
        decay: of the learning rate, a step.
        start: weight of the likelihood at the first step.
    """

    weight: float = 1.0
    learning_rate: float = 0.1
    decay: float = 0.985
    start: float = 1.0


SWEEPS: tuple[tuple[str, tuple[float, ...]], ...] = (
    ("weight", (1.0, 0.1, 0.3, 3.0, 10.0, 30.0)),
    ("learning_rate", (0.025, 0.05, 0.2)),
    ("decay", (0.97, 1.0)),
    ("start", (0.1, 0.01)),
)
"""Coordinate search: each sweep varies one setting of the best configuration so far."""

CONFIGURATIONS = sum(len(values) for _, values in SWEEPS)


def tuned(measure: Callable[[Settings], float]) -> tuple[Settings, float]:
    """The settings of the highest measure; as many are tried for every adversary."""
    best, top = Settings(), float("-inf")
    for field, values in SWEEPS:
        measured = [(measure(one), one) for one in _varied(best, field, values)]
        score, settings = max(measured, key=lambda pair: pair[0])
        if score > top:
            best, top = settings, score
    return best, top


def _varied(best: Settings, field: str, values: tuple[float, ...]) -> Iterator[Settings]:
    for value in values:
        yield replace(best, **{field: value})


def adversary(name: str, defense: Defense, setting: Setting, settings: Settings) -> GradientMatching:
    """Maximum a posteriori with this adversary's likelihood; only `bayes` knows the mask and the noise."""
    knows_mask = name == "bayes" and defense.pruned
    search = Adam(STEPS, settings.learning_rate, Exponential(settings.decay))
    return GradientMatching(
        view=Unpruned(setting.kept) if knows_mask else readable,
        likelihood=_likelihood(name, defense),
        prior=SquaredVariation(settings.weight),
        annealing=Geometric(settings.start),
        stages=(Stage(search),),
        restarts=1,
    )


def _likelihood(name: str, defense: Defense) -> Likelihood:
    """l2 and l1 count errors in units of the readings' root mean square, as they know no noise."""
    of_noise: dict[str, Likelihood] = {"gaussian": Gaussian(), "laplace": Laplace()}
    plain: dict[str, Likelihood] = {
        "l2": Gaussian(resolution=1.0),
        "l1": Laplace(resolution=1.0),
        "cosine": Cosine(_KAPPA),
    }
    return of_noise[defense.noise] if name == "bayes" else plain[name]
