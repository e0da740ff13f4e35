"""Runs single cases of an audit, whatever breaks."""

from dataclasses import replace
from functools import partial

from attacks import Attack, preset
from gradveil.adaptive import ADAPTIVE, adversary_of
from gradveil.audit.cohort import Cohort
from gradveil.audit.config import AuditConfig
from gradveil.audit.defended import defend
from gradveil.audit.plan import Case, DefenseChoice
from gradveil.audit.recording import Scene, record_of
from gradveil.audit.round import Round, run_round
from gradveil.audit.seeds import derive, numpy_rng, torch_rng
from gradveil.audit.targets import Target, Targets
from gradveil.audit.trial import Outcome, failure, trial
from gradveil.calibration import PREDICTABLE_PIXELS, PUBLIC, Prediction, predict
from gradveil.defenses import Mechanism, SelectiveEncryption, Stages
from gradveil.exchange import Knowledge
from gradveil.records import Record

_FIRST = 0
"""Whose selection stands for all victims' in a prediction, which costs as much as an attack."""


class Runner:
    """Turns cases into records, one after the other, on one device.

    Attributes:
        targets: what it attacks.
    """

    def __init__(self, config: AuditConfig, device: str) -> None:
        self._config, self._device = config, device
        self.targets = Targets(config, device)
        self._predictions: dict[tuple[Target, str], Prediction | None] = {}
        self._latest_round: dict[tuple[Target, str, int], Round] = {}

    def run(self, case: Case) -> tuple[Record, Outcome]:
        """One trial and its record; never raises."""
        scene = None
        try:
            scene = self._scene(case)
            rng = torch_rng(case.target.seed, "attack", *case.purpose, case.attack)
            protect = partial(self._round, case, scene)
            outcome = trial(protect, scene.attack, scene.model, scene.cohort, scene.knowledge, rng)
        except Exception as error:  # a target or a defense that cannot be made is a row, too
            outcome = failure(error)
        return record_of(self._config, case, self._device, scene, outcome), outcome

    def _scene(self, case: Case) -> Scene:
        target, targets = case.target, self.targets
        model, cohort = targets.model(target), targets.cohort(target, case.victim)
        defense = self._defense(case, cohort)
        attack = self._attack(case, defense)
        knowledge = self._knowledge(case, cohort, defense, attack)
        name, accuracy = targets.dataset(target.data).name, targets.accuracy(target)
        prediction = self._prediction(case) if self._config.predict else None
        return Scene(name, accuracy, model, cohort, defense, attack, knowledge, prediction)

    def _attack(self, case: Case, defense: Mechanism) -> Attack:
        if case.attack == ADAPTIVE:
            return adversary_of(defense, batch=self._config.batch)
        return preset(case.attack)

    def _prediction(self, case: Case) -> Prediction | None:
        """Of the first victim's selection; made once and kept."""
        key = case.target, case.defense.label
        if key not in self._predictions:
            self._predictions[key] = self._predicted(replace(case, victim=_FIRST))
        return self._predictions[key]

    def _predicted(self, case: Case) -> Prediction | None:
        """What is readable client by client, at a public image; None where nothing is selected."""
        defense = self._defense(case, self.targets.cohort(case.target, case.victim))
        examples = self.targets.public(case.target, case.victim).first(1)
        if not isinstance(defense, SelectiveEncryption) or examples.images[0].numel() > PREDICTABLE_PIXELS:
            return None
        return predict(examples, [defense.selection])[0]

    def _defense(self, case: Case, cohort: Cohort) -> Mechanism:
        rng = numpy_rng(case.target.seed, "selection", *case.purpose)
        updates = list(cohort.updates.values())
        ranked = partial(self.targets.ranking, case.target, case.victim)
        return case.defense.build(updates[0].layout, updates, rng, ranked)

    def _round(self, case: Case, scene: Scene) -> Round:
        """The case's round; the latest is kept, because the attacks on one round follow each other."""
        if case.round not in self._latest_round:
            seed, cohort = case.target.seed, scene.cohort
            rng = numpy_rng(seed, "noise", *case.purpose)
            defended = defend(scene.defense, cohort, scene.model, derive(seed, "defense", *case.purpose))
            updates, seconds = defended.cohort.updates, defended.seconds
            done = run_round(scene.defense, updates, rng, defended.truth, seconds)
            self._latest_round = {case.round: replace(done, cohort=defended.cohort, model=defended.model)}
        return self._latest_round[case.round]

    def _knowledge(self, case: Case, cohort: Cohort, defense: Mechanism, attack: Attack) -> Knowledge:
        return replace(
            self.targets.model(case.target).knowledge(self._config.batch),
            labels=cohort.labels if self._config.labels == "granted" else None,
            noise=defense.noise,
            value_range=Stages.of(defense).value_range,
            defense=_public_parameters(case.defense, defense),
            auxiliary_data=attack.auxiliary_data,
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
