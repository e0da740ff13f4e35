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
from gradveil.audit.config import AuditConfig, UtilityTable
from gradveil.audit.evaluation import held_out
from gradveil.audit.plan import DefenseChoice, choices
from gradveil.audit.recording import selection_of
from gradveil.audit.seeds import derive, numpy_rng
from gradveil.audit.specs import IdentitySpec
from gradveil.audit.utility.training import Federation, Training
from gradveil.calibration import Examples, rank
from gradveil.data import Dataset, load
from gradveil.defenses import Mechanism, identity
from gradveil.doctor import machine, versions
from gradveil.models import build
from gradveil.records.utility import UTILITY_SCHEMA, Curve, Utility

_CALIBRATED_ON = 8
"""Held-out images, which are public here."""

_LOOKS = 20
"""At the accuracy on the way, unless a configuration says otherwise; they cost less than the training."""

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
        """Hex digest of all that decides the record, time and machine aside."""
        parts = (self.data, self.model, self.defense.label, sorted(asdict(self.training).items()))
        return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:24]


def jobs(config: AuditConfig, table: UtilityTable) -> Iterator[Job]:
    """Every defense of an audit on every network and data, and none, which the others are compared with."""
    undefended = DefenseChoice(IdentitySpec(kind="identity"))
    defenses = {one.label: one for one in (undefended, *choices(config))}.values()
    for seed, data, model in product(table.seeds or config.all_seeds[:1], config.data, config.models):
        training = _training(config, table, seed)
        for defense in defenses:
            yield Job(data, model, defense, training)


def _training(config: AuditConfig, table: UtilityTable, seed: int) -> Training:
    every = table.every or max(1, table.rounds // _LOOKS)
    return Training(table.rounds, table.clients or config.clients, table.batch, table.rate, seed, every)


@dataclass
class Reached:
    """How far a training came: the share that is encrypted, as soon as it is known, and accuracies."""

    ratio: float | None
    curve: Curve = ()


def run(job: Job, device: str) -> Utility:
    """Train and evaluate; a defense that cannot be trained behind is a finding, too.

    Raises:
        DataError: the images are missing or broken.
    """
    dataset, start, error = _dataset(job.data), perf_counter(), None
    reached = Reached(job.defense.ratio)
    try:
        _train(job, dataset, device, reached)
    except Exception as broken:  # whatever went wrong
        error = " ".join(f"{type(broken).__name__}: {broken}".split())
    return _record(job, dataset, device, reached, perf_counter() - start, error)


def _train(job: Job, dataset: Dataset, device: str, reached: Reached) -> None:
    network = _network(job, dataset).to(torch.device(device))
    plain = Federation(identity, network, dataset, job.training)
    defense = _defense(job, plain, network, dataset)
    selection = selection_of(defense)
    reached.ratio = selection.ratio if selection else None
    reached.curve = Federation(defense, network, dataset, job.training).train()


def _record(
    job: Job, dataset: Dataset, device: str, reached: Reached, seconds: float, error: str | None
) -> Utility:
    training = job.training
    return Utility(
        schema=UTILITY_SCHEMA,
        model=job.model,
        data=dataset.name,
        defense=job.defense.name,
        knobs=job.defense.knobs,
        strategy=job.defense.strategy,
        ratio=reached.ratio,
        clients=training.clients,
        batch=training.batch,
        rounds=training.rounds,
        rate=training.rate,
        held_out=held_out(len(dataset.images)),
        accuracy=reached.curve[-1][1] if reached.curve else None,
        curve=reached.curve,
        seconds=seconds,
        seed=training.seed,
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
