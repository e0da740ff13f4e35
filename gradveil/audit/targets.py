"""What an audit attacks: its data, networks, cohorts and rankings, each made once and kept for a while."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch

from attacks import Model
from gradveil.audit.cohort import Cohort, draw_cohort
from gradveil.audit.config import AuditConfig
from gradveil.audit.public import public_examples
from gradveil.audit.seeds import derive, numpy_rng
from gradveil.audit.training import Checkpoint, checkpoints
from gradveil.calibration import Examples, rank
from gradveil.data import Dataset, load
from gradveil.models import build
from gradveil.selection import Ranking

_KEPT = 64
"""Of each kind; a sweep goes through its targets one after the other."""


@dataclass(frozen=True)
class Target:
    """One public network: its data, its name, the seed of all that is drawn, and its steps of training."""

    data: str
    model: str
    seed: int
    train_steps: int


class Targets:
    """Makes them on one device; the same configuration gives the same ones.

    Raises:
        GradveilError: from every method, for missing or broken data, or images too small for a network.
    """

    def __init__(self, config: AuditConfig, device: str) -> None:
        self._config, self._device = config, torch.device(device)
        self.dataset: Callable[[str], Dataset] = lru_cache(_KEPT)(load)
        self._checkpoints = lru_cache(_KEPT)(self._train)
        self.model: Callable[[Target], Model] = lru_cache(_KEPT)(self._model)
        self.cohort: Callable[[Target, int], Cohort] = lru_cache(_KEPT)(self._cohort)
        self.ranking: Callable[[Target, int, str], Ranking] = lru_cache(_KEPT)(self._ranking)

    def accuracy(self, target: Target) -> float | None:
        """Of the network on held-out images; None without training."""
        return self._checkpoint(target).accuracy

    def _checkpoint(self, target: Target) -> Checkpoint:
        return self._checkpoints(target.data, target.model, target.seed)[target.train_steps]

    def _train(self, data: str, model: str, seed: int) -> dict[int, Checkpoint]:
        config, dataset = self._config, self.dataset(data)
        network = build(model, dataset.input_shape, dataset.classes, derive(seed, "model", model) % 2**32)
        rng = numpy_rng(seed, "training", model)
        steps = config.train_steps
        return checkpoints(
            network.to(self._device), dataset, steps, config.train_batch, config.train_rate, rng
        )

    def _model(self, target: Target) -> Model:
        dataset = self.dataset(target.data)
        return Model(self._checkpoint(target).network, dataset.input_shape, dataset.classes)

    def _cohort(self, target: Target, victim: int) -> Cohort:
        rng = numpy_rng(target.seed, "cohort", victim)
        dataset, config = self.dataset(target.data), self._config
        return draw_cohort(dataset, self.model(target), config.clients, config.batch, rng)

    def public(self, target: Target, victim: int) -> Examples:
        """Images that are nobody's in this victim's round."""
        rng = numpy_rng(target.seed, "public", target.model, victim)
        cohort, model = self.cohort(target, victim), self.model(target)
        return public_examples(self.dataset(target.data), model, cohort, rng)

    def _ranking(self, target: Target, victim: int, strategy: str) -> Ranking:
        """By a strategy that needs the network, on public images."""
        return rank(strategy, self.public(target, victim))
