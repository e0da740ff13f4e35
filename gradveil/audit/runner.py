"""Runs single cases of an audit: data, models and cohorts are made once and kept."""

from dataclasses import replace
from functools import cache, cached_property, partial

import torch

from attacks import Attack, Model, preset
from gradveil.adaptive import ADAPTIVE, adversary_of
from gradveil.audit.cohort import VICTIM, Cohort, draw_cohort
from gradveil.audit.config import AuditConfig
from gradveil.audit.defended import defend
from gradveil.audit.plan import Case, DefenseChoice, Setting
from gradveil.audit.public import public_examples
from gradveil.audit.round import Round, run_round
from gradveil.audit.seeds import derive, numpy_rng, torch_rng
from gradveil.audit.trial import Outcome, trial
from gradveil.calibration import PUBLIC, rank
from gradveil.data import Dataset, load
from gradveil.defenses import Hybrid, Mechanism, SelectiveEncryption, Stages
from gradveil.doctor import machine, versions
from gradveil.exchange import Knowledge, Update, weighted_mean
from gradveil.models import build
from gradveil.records import SCHEMA, Record
from gradveil.selection import Ranking


class Runner:
    """Turns cases into records, one after the other, on one device."""

    def __init__(self, config: AuditConfig, device: str) -> None:
        self._config = config
        self._device = device
        self._model = cache(self._build_model)
        self._cohort = cache(self._draw_cohort)
        self._ranking = cache(self._rank)
        self._latest_round: dict[Setting, Round] = {}

    @cached_property
    def dataset(self) -> Dataset:
        """The audit's images; raises DataError."""
        return load(self._config.data)

    def run(self, case: Case) -> tuple[Record, Outcome]:
        """One trial and its record."""
        model, cohort = self._model(case.model), self._cohort(case.model, case.victim)
        defense = self._defense(case, cohort)
        attack = adversary_of(defense) if case.attack == ADAPTIVE else preset(case.attack)
        knowledge = self._knowledge(case, cohort, defense, attack)
        outcome = trial(
            lambda: self._round(case, defense, cohort, model),
            attack,
            model,
            cohort,
            knowledge,
            torch_rng(self._config.seed, "attack", *case.setting, case.attack),
        )
        return self._record(case, defense, knowledge, cohort.updates[VICTIM], outcome), outcome

    def _build_model(self, name: str) -> Model:
        shape, classes = self.dataset.input_shape, self.dataset.classes
        network = build(name, shape, classes, derive(self._config.seed, "model", name) % 2**32)
        return Model(network.to(torch.device(self._device)), shape, classes)

    def _draw_cohort(self, model: str, victim: int) -> Cohort:
        rng = numpy_rng(self._config.seed, "cohort", victim)
        config = self._config
        return draw_cohort(self.dataset, self._model(model), config.clients, config.batch, rng)

    def _defense(self, case: Case, cohort: Cohort) -> Mechanism:
        rng = numpy_rng(self._config.seed, "selection", *case.setting)
        updates = list(cohort.updates.values())
        ranked = partial(self._ranking, case.model, case.victim)
        return case.defense.build(updates[0].layout, updates, rng, ranked)

    def _rank(self, model: str, victim: int, strategy: str) -> Ranking:
        """By a strategy that needs the network, on images that are nobody's in this victim's round."""
        rng = numpy_rng(self._config.seed, "public", model, victim)
        cohort = self._cohort(model, victim)
        return rank(strategy, public_examples(self.dataset, self._model(model), cohort, rng))

    def _round(self, case: Case, defense: Mechanism, cohort: Cohort, model: Model) -> Round:
        """The setting's round; the latest is kept, because the attacks on one setting follow each other."""
        if case.setting not in self._latest_round:
            rng = numpy_rng(self._config.seed, "noise", *case.setting)
            defended = defend(defense, cohort, model, derive(self._config.seed, "defense", *case.setting))
            truth = weighted_mean(list(cohort.updates.values()))
            done = run_round(defense, defended.cohort.updates, rng, truth, defended.seconds)
            self._latest_round = {case.setting: replace(done, cohort=defended.cohort)}
        return self._latest_round[case.setting]

    def _knowledge(self, case: Case, cohort: Cohort, defense: Mechanism, attack: Attack) -> Knowledge:
        return Knowledge(
            model="architecture and weights",
            loss="cross-entropy",
            classes=self.dataset.classes,
            input_shape=self.dataset.input_shape,
            batch_size=self._config.batch,
            labels=cohort.labels if self._config.labels == "granted" else None,
            noise=defense.noise,
            defense=_public_parameters(case.defense, defense),
            auxiliary_data=attack.auxiliary_data,
            batch_norm=self._model(case.model).batch_norm,
        )

    def _record(
        self, case: Case, defense: Mechanism, knowledge: Knowledge, update: Update, outcome: Outcome
    ) -> Record:
        config, cost, score = self._config, outcome.cost, outcome.score
        selection = defense.selection if isinstance(defense, SelectiveEncryption | Hybrid) else None
        granted = config.labels == "granted"
        return Record(
            schema=SCHEMA,
            status=outcome.status,
            model=case.model,
            data=self.dataset.name,
            train_steps=0,
            model_accuracy=None,
            defense=defense.name,
            knobs=case.defense.knobs,
            strategy=case.defense.strategy,
            ratio=selection.ratio if selection else None,
            ratio_nonzero=selection.ratio_nonzero(update.vector) if selection else None,
            clients=config.clients,
            batch=config.batch,
            attack=case.attack,
            knows=knowledge.as_record(),
            psnr=score.psnr if score else None,
            ssim=score.ssim if score else None,
            mse=score.mse if score else None,
            label_accuracy=score.label_accuracy if score and not granted else None,
            rank100=score.rank100 if score else None,
            bytes_up=cost.bytes_up if cost else 0,
            bytes_down=cost.bytes_down if cost else 0,
            seconds_client=cost.seconds_client if cost else 0.0,
            seconds_server=cost.seconds_server if cost else 0.0,
            seconds_attack=outcome.seconds_attack,
            aggregate_error=cost.aggregate_error if cost else None,
            seed=config.seed,
            victim=case.victim,
            versions={**versions(), "audit_config": config.hash},
            machine={**machine(), "device": self._device},
            key=case.key(config),
            claim=defense.claim,
            error=outcome.error,
        )


def _public_parameters(choice: DefenseChoice, defense: Mechanism) -> str:
    if Stages.of(defense).before_the_wire:
        knobs = [f"{name} {value}" for name, value in defense.knobs.items()]
        return ", ".join((defense.name, *knobs))
    if choice.strategy is None:
        return choice.spec.kind
    origin = {
        "magnitude": "mask calibrated on the round's own updates",
        "random": "random mask",
        "named": "first and last layer",
        "all": "everything",
    }
    chosen = origin.get(choice.strategy, f"mask by {choice.strategy} of {PUBLIC}")
    return f"{choice.spec.kind}, {chosen}, positions public"
