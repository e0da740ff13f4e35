"""Gradient matching behind a variational bottleneck."""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from attacks.base import Attack, Case, Found
from attacks.bottleneck.noise import Bottleneck, bottleneck_of, noise_read
from attacks.errors import NotApplicableError
from attacks.evidence import readable
from attacks.matching import GradientMatching
from attacks.model import Model
from attacks.nuisances import KnownSecret, Nuisance, VariationalNoise
from gradveil.exchange import Observation


@dataclass(frozen=True)
class BottleneckMatching(Attack):
    """Matches gradients with the noise that the client has drawn: read where it can be, solved for where not.

    One example's noise follows from the gradients of the layers around the bottleneck; that of several is an
    unknown beside the pixels.

    Attributes:
        matching: the attack on a network without noise.
        encoder: the layer that puts out means and log-variances; None for the last linear layer but two.
        divergence: weight of the Kullback-Leibler divergence in the client's loss.
        reads: whether readings are the gradient's own values, so that the noise can be read off them.

    Source: ours. The defense: Scheliga et al. 2022 (WACV, PRECODE); solving for the noise jointly: the same
        authors 2023 (AAAI), on dropout.
    """

    name: ClassVar[str] = "bottleneck_matching"
    citation: ClassVar[str] = "ours; against Scheliga et al. 2022 (WACV), PRECODE"

    matching: GradientMatching
    encoder: str | None = None
    divergence: float = 1e-3
    reads: bool = True

    @property
    def auxiliary_data(self) -> str:
        """That of the attack on a network without noise."""
        return self.matching.auxiliary_data

    def run(self, observation: Observation, model: Model, client: str, rng: torch.Generator) -> Found:
        """One search with the noise of one victim.

        Raises:
            NotApplicableError: the network has no bottleneck there.
        """
        secret = self._secret(Case(observation, client), model, bottleneck_of(model, self.encoder))
        search = replace(self.matching, nuisances=(*self.matching.nuisances, secret))
        return search.run(observation, model, client, rng)

    def _secret(self, case: Case, model: Model, bottleneck: Bottleneck) -> Nuisance:
        noise = VariationalNoise(bottleneck.encoder, divergence=self.divergence)
        if not self.reads:
            return noise
        evidence = readable(case.observation, case.client, model)
        try:
            return KnownSecret(of=noise, given=noise_read(evidence, model, bottleneck))
        except NotApplicableError:
            return noise
