"""How defenses and attacks are called and ordered wherever people read them."""

from collections.abc import Iterable

from gradveil.records.record import Record
from gradveil.records.setting import Subject, setting_of

ATTACKS = ("mask_naive", "mask_aware", "closed_form", "guess")


def attack_label(attack: str) -> str:
    """The name of an attack as people write it: `mask-aware`."""
    return attack.replace("_", "-")


def reading_order(record: Record) -> tuple[object, ...]:
    """A sort key that does not depend on which trial ended first."""
    return setting_of(record).order, record.attack, record.seed, record.victim, record.key


def attacks_in(records: Iterable[Record]) -> list[str]:
    """The attacks that occur, the known ones first, in the order of `ATTACKS`."""
    found = {record.attack for record in records}
    return [attack for attack in ATTACKS if attack in found] + sorted(found.difference(ATTACKS))


def subject_names(subjects: list[Subject]) -> list[str]:
    """A name for each: its network, and whatever else is not the same for all of them."""
    several_data = len({subject.data for subject in subjects}) > 1
    several_batches = len({subject.batch for subject in subjects}) > 1
    trained = any(subject.train_steps for subject in subjects)
    return [
        subject.model
        + (f" on {subject.data}" if several_data else "")
        + (f", {subject.train_steps} training steps" if trained else "")
        + (f", batch of {subject.batch}" if several_batches else "")
        for subject in subjects
    ]
