"""The trials of an audit, each with a key that identifies it inside the run."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

import he
from gradveil.audit.build import build_defense
from gradveil.audit.config import AuditConfig
from gradveil.audit.specs import ChainSpec, DefenseSpec, SelectiveSpec
from gradveil.audit.targets import Target
from gradveil.calibration import CALIBRATED
from gradveil.defenses import Hybrid, Mechanism, SelectiveEncryption
from gradveil.exchange import Layout, Update
from gradveil.records.record import Knob
from gradveil.selection import Ranking, select


@dataclass(frozen=True)
class DefenseChoice:
    """One point of the defense grid: a specification with a single ratio."""

    spec: DefenseSpec
    ratio: float | None = None

    @property
    def strategy(self) -> str | None:
        """Name of the selection strategy, None for defenses that select nothing."""
        return self.spec.strategy if isinstance(self.spec, SelectiveSpec) else None

    @property
    def name(self) -> str:
        """As in records: the kind, or those of a chain's parts, joined by a plus."""
        parts = self.spec.parts if isinstance(self.spec, ChainSpec) else [self.spec]
        return "+".join(part.kind for part in parts)

    @property
    def knobs(self) -> dict[str, Knob]:
        """All parameters of the specification but what is selected; a chain names the part of each."""
        if isinstance(self.spec, ChainSpec):
            parts = [(_part_name(self.spec, at), part) for at, part in enumerate(self.spec.parts)]
            return {f"{name}.{knob}": value for name, part in parts for knob, value in _knobs(part).items()}
        return _knobs(self.spec)

    @property
    def label(self) -> str:
        """Unique within a configuration; enters seeds and keys."""
        return f"{self.spec.model_dump_json()} {self.ratio}"

    def build(
        self,
        layout: Layout,
        calibration: Sequence[Update],
        rng: np.random.Generator,
        ranked: Callable[[str], Ranking],
    ) -> Mechanism:
        """The defense for one round.

        Args:
            layout: of the updates.
            calibration: updates that selections which need no network calibrate on.
            rng: of selections that are drawn.
            ranked: gives the orders of the other strategies, by name.
        """
        max_weight = max(update.weight for update in calibration)
        match self.spec:
            case SelectiveSpec(kind=kind, strategy=strategy):
                if strategy in CALIBRATED:
                    selection = ranked(strategy).at(self.ratio)
                else:
                    selection = select(strategy, layout, self.ratio or 0.0, calibration, rng)
                if kind == "hybrid":
                    return Hybrid(selection, max_weight=max_weight)
                return SelectiveEncryption(selection, _params(kind, len(calibration)), max_weight)
            case spec:
                return build_defense(spec, max_weight)


_PACKED_RANGE, _PACKED_PRECISION = 16.0, 20

Purpose = tuple[str, str, int]
"""Model, label of the defense, victim: draws are the same on all data and after all training."""


@dataclass(frozen=True)
class Case:
    """One trial to run."""

    target: Target
    defense: DefenseChoice
    attack: str
    victim: int

    @property
    def purpose(self) -> Purpose:
        """What random numbers are drawn for, beside the seed."""
        return self.target.model, self.defense.label, self.victim

    @property
    def round(self) -> tuple[Target, str, int]:
        """All but the attack."""
        return self.target, self.defense.label, self.victim

    def key(self, config: AuditConfig) -> str:
        """Hex digest of configuration and case."""
        target = (self.target.data, self.target.model, self.target.seed, self.target.train_steps)
        parts = (config.hash, *target, self.defense.label, self.attack, self.victim)
        return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:24]


def _knobs(spec: DefenseSpec) -> dict[str, Knob]:
    fields = spec.model_dump(mode="json", exclude={"kind", "strategy", "ratios"}).items()
    return {name: value if isinstance(value, Knob) else json.dumps(value) for name, value in fields}


def _part_name(spec: ChainSpec, at: int) -> str:
    """Its kind, and its number where an earlier part is of the same kind."""
    kinds = [part.kind for part in spec.parts[: at + 1]]
    earlier = kinds[:-1].count(kinds[-1])
    return f"{kinds[-1]}#{earlier + 1}" if earlier else kinds[-1]


def cases(config: AuditConfig) -> Iterator[Case]:
    """All trials; seeds and victims are outermost, so that an interrupted run covers every defense early."""
    for seed, victim in product(config.all_seeds, range(config.victims)):
        for data, model, steps in product(config.data, config.models, config.train_steps):
            target = Target(data, model, seed, steps)
            for defense, attack in product(choices(config), config.attacks):
                yield Case(target, defense, attack, victim)


def choices(config: AuditConfig) -> Iterator[DefenseChoice]:
    """The defense grid: every specification at each of its ratios."""
    for spec in config.defenses:
        ratios = spec.ratios if isinstance(spec, SelectiveSpec) and spec.ratios else [None]
        for ratio in ratios:
            yield DefenseChoice(spec, ratio)


def _params(kind: str, clients: int) -> he.Params:
    """Packed fields are as wide as the cohort needs; the CKKS forms have room for any cohort of an audit."""
    if kind == "selective_packed":
        return he.PackedParams.for_(
            clients=clients, value_range=_PACKED_RANGE, precision_bits=_PACKED_PRECISION
        )
    return he.CkksParams() if kind == "selective_ckks" else he.TensealVectorParams.nvflare()
