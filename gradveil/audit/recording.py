"""From a trial to its record."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from attacks import Attack, Model
from gradveil.audit.cohort import VICTIM, Cohort
from gradveil.audit.config import AuditConfig
from gradveil.audit.plan import Case
from gradveil.audit.trial import Outcome
from gradveil.calibration import Prediction
from gradveil.defenses import Hybrid, Mechanism, SelectiveEncryption
from gradveil.doctor import machine, versions
from gradveil.exchange import Knowledge, Selection
from gradveil.records import SCHEMA, Record

# Reading them from disk takes longer than a cheap trial.
_versions, _machine = cache(versions), cache(machine)


@dataclass(frozen=True, eq=False)
class Scene:
    """All that stands before a trial begins.

    Attributes:
        data: name of the data set.
        accuracy: of the network, None without training.
        model: the public network.
        cohort: the round's clients.
        defense: what they are behind.
        attack: who looks at them.
        knowledge: what the adversary is granted.
        prediction: of what the selection leaves readable, None unless it was asked for.
    """

    data: str
    accuracy: float | None
    model: Model
    cohort: Cohort
    defense: Mechanism
    attack: Attack
    knowledge: Knowledge
    prediction: Prediction | None

    @property
    def shares(self) -> tuple[float, float] | tuple[None, None]:
        """What is encrypted of all coordinates and of the non-zero ones; None where nothing is chosen."""
        selection = selection_of(self.defense)
        if selection is None:
            return None, None
        return selection.ratio, selection.ratio_nonzero(self.cohort.updates[VICTIM].vector)

    @property
    def assumptions(self) -> dict[str, Any]:
        """What the adversary is granted, and what it takes for granted beside that."""
        return self.knowledge.as_record() | dict(self.attack.assumptions)

    @property
    def layers(self) -> dict[str, float]:
        """What is encrypted of each tensor; empty where nothing is chosen."""
        selection = selection_of(self.defense)
        slices = selection.layout.slices if selection else {}
        return {name: float(selection.mask[part].mean()) for name, part in slices.items() if selection}


def _origin(outcome: Outcome) -> dict[str, str]:
    """Which of its ways an attack with several of them owes its reconstruction to."""
    return {"found by": outcome.origin} if outcome.origin else {}


def selection_of(defense: Mechanism) -> Selection | None:
    """What a defense encrypts, None if it chooses nothing."""
    return defense.selection if isinstance(defense, SelectiveEncryption | Hybrid) else None


def record_of(config: AuditConfig, case: Case, device: str, scene: Scene | None, outcome: Outcome) -> Record:
    """The record of a trial; without a scene, of one that broke before it began."""
    cost, score, target = outcome.cost, outcome.score, case.target
    granted = config.labels == "granted"
    ratio, ratio_nonzero = scene.shares if scene else (case.defense.ratio, None)
    predicted = scene.prediction if scene else None
    return Record(
        schema=SCHEMA,
        status=outcome.status,
        model=target.model,
        data=scene.data if scene else target.data,
        train_steps=target.train_steps,
        model_accuracy=scene.accuracy if scene else None,
        defense=scene.defense.name if scene else case.defense.name,
        knobs=case.defense.knobs,
        strategy=case.defense.strategy,
        ratio=ratio,
        ratio_nonzero=ratio_nonzero,
        layers=scene.layers if scene else {},
        visible=predicted.rank / predicted.dimension if predicted else None,
        predicted_psnr=predicted.psnr if predicted else None,
        clients=config.clients,
        batch=config.batch,
        attack=case.attack,
        knows=scene.assumptions | _origin(outcome) if scene else {},
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
        seed=target.seed,
        victim=case.victim,
        versions={**_versions(), "audit_config": config.hash},
        machine={**_machine(), "device": device},
        key=case.key(config),
        claim=scene.defense.claim if scene else "",
        error=outcome.error,
    )
