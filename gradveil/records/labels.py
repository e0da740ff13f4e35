"""How defenses and attacks are called and ordered wherever people read them."""

from collections.abc import Iterable

from gradveil.records.record import Record

ATTACKS = ("mask_naive", "mask_aware", "closed_form", "guess")

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


def defense_label(defense: str, strategy: str | None, ratio: float | None) -> str:
    """A short name of one setting, such as `CKKS magnitude 10 %`."""
    if defense in _PLAIN:
        return _PLAIN[defense]
    name = _SELECTIVE.get(defense, defense)
    share = None if ratio is None or strategy in ("all", "none") else f"{100 * ratio:.3g} %"
    return " ".join(part for part in (name, strategy, share) if part)


def record_label(record: Record) -> str:
    """The short name of the setting a record belongs to."""
    return defense_label(record.defense, record.strategy, record.ratio)


def attack_label(attack: str) -> str:
    """The name of an attack as people write it: `mask-aware`."""
    return attack.replace("_", "-")


def reading_order(record: Record) -> tuple[object, ...]:
    """A sort key that does not depend on which trial ended first."""
    setting = defense_order(record.defense, record.strategy, record.ratio)
    return record.model, setting, record.attack, record.victim, record.key


def attacks_in(records: Iterable[Record]) -> list[str]:
    """The attacks that occur, the known ones first, in the order of `ATTACKS`."""
    found = {record.attack for record in records}
    return [attack for attack in ATTACKS if attack in found] + sorted(found.difference(ATTACKS))


def defense_order(defense: str, strategy: str | None, ratio: float | None) -> tuple[int, str, str, float]:
    """A sort key: none, noise, selective by strategy and ratio, everything encrypted, secure aggregation."""
    place = _PLACES.get(defense, _UNKNOWN)
    if defense in _SELECTIVE and strategy == "all":
        place = _ALL_ENCRYPTED
    elif defense in _SELECTIVE and strategy == "none":
        place = _PLACES["identity"]
    return place, defense, strategy or "", -1.0 if ratio is None else ratio
