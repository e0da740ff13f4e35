"""GradInversion: a composition that depends on what the attacked model keeps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from attacks.base import Attack, Case, Found
from attacks.likelihoods import Gaussian
from attacks.matching import GradientMatching
from attacks.model import Model
from attacks.priors import (
    BatchNormStatistics,
    GroupConsistency,
    Prior,
    Product,
    TotalVariation,
    running_statistics,
)
from attacks.searches import Adam, CosineDecay, Ranking
from attacks.stage import Stage
from gradveil.exchange import Observation

_RELATIVE_ERROR = 10.0
"""Weight of the squared error over the energy of the readings, against the priors."""


@dataclass(frozen=True)
class GradInversion(Attack):
    """Squared error, total variation, normalisation statistics, and starts that should agree.

    The running statistics are those of the attacked model, so the composition is made when it is known; for a
    model without batch normalisation that term is absent. The squared error is relative to the readings'
    energy, as the unscaled one of the paper weighs differently in every model. Which start is returned is
    decided without the consensus, from which nothing is known about the images.

    Attributes:
        iterations: of Adam.
        group: starts that should agree.

    Source: Yin et al. 2021 (CVPR), section 3, with the mean as the consensus, without noise on the steps and
        without the penalty on large pixels, as they are in a box; weights of the priors, the steps and their
        number as in breaching's configuration of it.
    """

    name: ClassVar[str] = "grad_inversion"
    citation: ClassVar[str] = "Yin et al. 2021 (CVPR), See through Gradients"

    iterations: int = 20_000
    group: int = 8

    def composed(self, model: Model) -> GradientMatching:
        """The composition for one model."""
        priors: list[Prior] = [TotalVariation(1e-4)]
        if model.batch_norm_layers:
            priors.append(BatchNormStatistics(running_statistics(model), 0.1))
        together = Product((*priors, GroupConsistency(1e-2)))
        search = Adam(self.iterations, 0.1, CosineDecay(), box=(0.0, 1.0))
        return GradientMatching(
            likelihood=Gaussian(resolution=(model.layout.size / (2 * _RELATIVE_ERROR)) ** 0.5),
            prior=Product(tuple(priors)),
            stages=(Stage(search, prior=together), Stage(Ranking())),
            restarts=self.group,
        )

    def run(self, observation: Observation, model: Model, client: str, rng: torch.Generator) -> Found:
        """As the composition does."""
        return self.run_many([Case(observation, client)], model, rng)[0]

    def run_many(self, cases: Sequence[Case], model: Model, rng: torch.Generator) -> list[Found]:
        """As the composition does."""
        return self.composed(model).run_many(cases, model, rng)
