"""One training of an audit's network behind one of its defenses, and what is recorded of it."""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from itertools import product
from time import perf_counter

import torch
from torch import nn

from attacks import Model
from gradveil.audit.config import AuditConfig
from gradveil.audit.plan import DefenseChoice, choices
from gradveil.audit.seeds import derive, numpy_rng
from gradveil.audit.specs import IdentitySpec
from gradveil.audit.utility.training import Federation, Training
from gradveil.calibration import Examples, rank
from gradveil.data import Dataset, load
from gradveil.defenses import Hybrid, Mechanism, SelectiveEncryption, identity
from gradveil.doctor import machine, versions
from gradveil.models import build
from gradveil.records.utility import UTILITY_SCHEMA, Utility

_CALIBRATED_ON = 8
"""Held-out images, which are public here."""

_dataset = cache(load)


@dataclass(frozen=True)
class Job:
    """One training to run."""

    data: str
    model: str
    defense: DefenseChoice
    training: Training

    @property
    def key(self) -> str:
        """Hex digest of all that decides the accuracy."""
        parts = (self.data, self.model, self.defense.label, sorted(asdict(self.training).items()))
        return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:24]


def jobs(config: AuditConfig, rounds: int) -> Iterator[Job]:
    """Every defense of an audit on every network and data, and none, which the others are compared with."""
    undefended = DefenseChoice(IdentitySpec(kind="identity"))
    defenses = {one.label: one for one in (undefended, *choices(config))}.values()
    for seed, data, model in product(config.all_seeds[:1], config.data, config.models):
        training = Training(rounds, config.clients, seed=seed)
        for defense in defenses:
            yield Job(data, model, defense, training)


@dataclass(frozen=True)
class Reached:
    """What a training came to: accuracy on so many held-out images, and the share that was encrypted."""

    accuracy: float | None
    held_out: int
    ratio: float | None = None


def run(job: Job, device: str) -> Utility:
    """Train and evaluate; a defense that cannot be trained behind is a finding, too.

    Raises:
        DataError: the images are missing or broken.
    """
    dataset, start, error = _dataset(job.data), perf_counter(), None
    try:
        reached = _trained(job, dataset, device)
    except Exception as broken:  # whatever went wrong
        reached, error = Reached(None, 1), " ".join(f"{type(broken).__name__}: {broken}".split())
    return _record(job, dataset.name, device, reached, perf_counter() - start, error)


def _trained(job: Job, dataset: Dataset, device: str) -> Reached:
    network = _network(job, dataset).to(torch.device(device))
    plain = Federation(identity, network, dataset, job.training)
    defense = _defense(job, plain, network, dataset)
    accuracy = Federation(defense, network, dataset, job.training).train()
    selection = defense.selection if isinstance(defense, SelectiveEncryption | Hybrid) else None
    return Reached(accuracy, plain.held_out, selection.ratio if selection else None)


def _record(job: Job, data: str, device: str, reached: Reached, seconds: float, error: str | None) -> Utility:
    return Utility(
        schema=UTILITY_SCHEMA,
        model=job.model,
        data=data,
        defense=job.defense.name,
        knobs=job.defense.knobs,
        strategy=job.defense.strategy,
        **asdict(reached),
        clients=job.training.clients,
        batch=job.training.batch,
        rounds=job.training.rounds,
        rate=job.training.rate,
        seconds=seconds,
        seed=job.training.seed,
        versions=versions(),
        machine={**machine(), "device": device},
        key=job.key,
        error=error,
    )


def _network(job: Job, dataset: Dataset) -> nn.Module:
    """The one that the audit attacks before any training."""
    seed = derive(job.training.seed, "model", job.model) % 2**32
    return build(job.model, dataset.input_shape, dataset.classes, seed)


def _defense(job: Job, plain: Federation, network: nn.Module, dataset: Dataset) -> Mechanism:
    """As in an audit, but selections look at the first round of the training."""
    first = list(plain.updates(0).values())
    rng = numpy_rng(job.training.seed, "utility selection", job.defense.label)
    images, labels = plain.public(_CALIBRATED_ON)
    model = Model(network, dataset.input_shape, dataset.classes)
    examples = Examples(model, images, labels, seed=int(rng.integers(2**63)))
    return job.defense.build(first[0].layout, first, rng, lambda strategy: rank(strategy, examples))
