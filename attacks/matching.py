"""Gradient matching in the Bayes form: maximise log p(observation | x) + log p(x)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from attacks.base import Attack, Found
from attacks.errors import AttackError
from attacks.evidence import Evidence, readable
from attacks.labels import LabelCandidates, restore_labels
from attacks.lbfgs import LBFGS, Search
from attacks.likelihood import Gaussian, Likelihood
from attacks.model import Model
from attacks.objective import over_starts, ranked
from attacks.prior import Box, Prior
from gradveil.exchange import Knowledge, Observation

View = Callable[[Observation, str, Model], Evidence]
"""How an adversary reads an observation of a client, e.g. `readable` or `zero_filled`."""


@dataclass(frozen=True)
class GradientMatching(Attack):
    """Maximum a posteriori reconstruction: a view of the wire, a likelihood, a prior and a search.

    All restarts and label candidates are searched together for a while; the finalists go on to the end.

    Source: Balunovic et al. 2022 (ICLR), equation 4 with the ball shrunk to a point (k = 1, MAP).
    """

    name: ClassVar[str] = "gradient_matching"
    citation: ClassVar[str] = "Balunovic et al. 2022, Bayesian Framework for Gradient Leakage"

    view: View = readable
    likelihood: Likelihood = field(default_factory=Gaussian)
    prior: Prior = field(default_factory=Box)
    search: Search = field(default_factory=LBFGS)
    screening: Search = field(default_factory=lambda: LBFGS(iterations=30))
    restarts: int = 4
    finalists: int = 1

    def run(self, observation: Observation, model: Model, client: str, rng: torch.Generator) -> Found:
        """Search from several starts and label candidates; keep the lowest negative log-posterior."""
        evidence = self.view(observation, client, model)
        candidates = _labels(observation, client, model)
        shape = (evidence.examples, *model.input_shape)
        images, labels = self._starts(candidates, shape, model, rng)
        posterior = _Posterior(model, evidence, self.likelihood, self.prior)
        images, labels = self._screen(posterior, images, labels)
        images, objectives = posterior.minimise(self.search, images, labels)
        best = int(ranked(objectives)[0])
        return Found(
            images=images[best].cpu().numpy(),
            labels=tuple(labels[best].tolist()),
            clients=evidence.clients,
            objective=float(objectives[best]),
        )

    def _starts(
        self, candidates: LabelCandidates, shape: tuple[int, ...], model: Model, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        count = max(self.restarts, len(candidates))
        images = torch.rand(count, *shape, generator=rng).to(model.device)
        labels = [candidates[index % len(candidates)] for index in range(count)]
        return images, torch.tensor(labels, device=model.device)

    def _screen(self, posterior: "_Posterior", images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Search all starts briefly and go on with the most promising ones."""
        if len(images) <= self.finalists:
            return images, labels
        images, objectives = posterior.minimise(self.screening, images, labels)
        kept = ranked(objectives)[: self.finalists]
        return images[kept], labels[kept]


@dataclass(frozen=True)
class _Posterior:
    """The negative log-posterior of one batch of images."""

    model: Model
    evidence: Evidence
    likelihood: Likelihood
    prior: Prior

    def minimise(self, search: Search, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Best images (R, B, C, H, W) and their values (R,) from starts and labels (R, B)."""
        gradient = self.model.gradient if len(images) > 1 else self.model.gradient_graph

        def negative_log(batch: Tensor, classes: Tensor) -> Tensor:
            likelihood = self.likelihood.negative_log(gradient(batch, classes), self.evidence)
            return likelihood + self.prior.negative_log(batch)

        objective = over_starts(negative_log, images.shape, labels)
        points, values = search.minimise(objective, images.flatten(1))
        return points.reshape(images.shape), values


def _labels(observation: Observation, client: str, model: Model) -> LabelCandidates:
    """Granted labels, or candidates from what is really readable; a mask-naive view does not change them."""
    evidence = readable(observation, client, model)
    granted = _granted(observation.knowledge, evidence)
    return granted if granted is not None else restore_labels(evidence, model)


def _granted(knowledge: Knowledge, evidence: Evidence) -> LabelCandidates | None:
    if knowledge.labels is None:
        return None
    granted = [label for client in evidence.clients for label in knowledge.labels.get(client, ())]
    if len(granted) != evidence.examples or not set(granted) <= set(range(knowledge.classes)):
        raise AttackError("the labels granted do not fit the clients' examples; grant one class each")
    return [tuple(granted)]
