"""What trials must share to stand in one row, and how such a setting is called and ordered."""

from collections.abc import Mapping
from dataclasses import dataclass

from gradveil.records.record import Knob, Record

_PLAIN = {
    "identity": "no defense",
    "gaussian_noise": "Gaussian noise",
    "secure_aggregation": "secure aggregation",
}
_SELECTIVE = {
    "selective_ckks": "CKKS",
    "selective_packed": "packed BFV",
    "selective_tenseal_vector": "tenseal vector",
    "hybrid": "CKKS and masking",
}
_PLACES = {"identity": 0, "gaussian_noise": 1, **dict.fromkeys(_SELECTIVE, 2), "secure_aggregation": 4}
_ALL_ENCRYPTED, _UNKNOWN = 3, 5

Knobs = tuple[tuple[str, Knob], ...]
"""Names and values, sorted by name."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is attacked: a network in a state of training, the data, and the size of a batch."""

    model: str
    data: str
    train_steps: int
    batch: int


@dataclass(frozen=True, slots=True)
class Setting:
    """All that tells trials apart but the attack, the seed and the victim; fields as in a record."""

    model: str
    data: str
    train_steps: int
    batch: int
    clients: int
    defense: str
    knobs: Knobs
    strategy: str | None
    ratio: float | None

    @property
    def subject(self) -> Subject:
        """What is attacked."""
        return Subject(self.model, self.data, self.train_steps, self.batch)

    @property
    def name(self) -> str:
        """A short name of the defense without its knobs, such as `CKKS magnitude 10 %`."""
        if self.defense in _PLAIN:
            return _PLAIN[self.defense]
        name = _SELECTIVE.get(self.defense, self.defense)
        whole = self.ratio is None or self.strategy in ("all", "none")
        share = None if whole else f"{100 * (self.ratio or 0.0):.3g} %"
        return " ".join(part for part in (name, self.strategy, share) if part)

    @property
    def knobs_text(self) -> str:
        """The knobs in words, such as `std 0.002`."""
        return ", ".join(f"{knob} {_text(value)}" for knob, value in self.knobs if value is not None)

    @property
    def label(self) -> str:
        """The short name with the knobs, such as `Gaussian noise (std 0.002)`."""
        return f"{self.name} ({self.knobs_text})" if self.knobs_text else self.name

    @property
    def order(self) -> tuple[object, ...]:
        """A sort key: by subject, then from no defense to secure aggregation."""
        place = _place(self.defense, self.strategy)
        selected = (self.strategy or "", -1.0 if self.ratio is None else self.ratio)
        knobs = tuple((name, _rank(value)) for name, value in self.knobs)
        subject = (self.model, self.data, self.train_steps, self.batch)
        return *subject, place, self.defense, *selected, knobs, self.clients


def setting_of(record: Record) -> Setting:
    """The setting that a record belongs to."""
    return Setting(
        model=record.model,
        data=record.data,
        train_steps=record.train_steps,
        batch=record.batch,
        clients=record.clients,
        defense=record.defense,
        knobs=_sorted(record.knobs),
        strategy=record.strategy,
        ratio=record.ratio,
    )


def _place(defense: str, strategy: str | None) -> int:
    """No defense, noise, selective, everything encrypted, secure aggregation, anything else."""
    if defense in _SELECTIVE and strategy in ("all", "none"):
        return _ALL_ENCRYPTED if strategy == "all" else _PLACES["identity"]
    return _PLACES.get(defense, _UNKNOWN)


def _sorted(knobs: Mapping[str, Knob]) -> Knobs:
    return tuple(sorted(knobs.items(), key=lambda knob: knob[0]))


def _text(value: Knob) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _rank(value: Knob) -> tuple[int, float, str]:
    """Numbers by size, then anything else by its text."""
    if isinstance(value, int | float):
        return 0, value, ""
    return 1, 0.0, str(value)
