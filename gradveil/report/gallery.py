"""The pictures of the report: what was true, and what each attack made of each defense."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from gradveil.pictures import png_bytes
from gradveil.records.columns import number
from gradveil.records.labels import attack_label, attacks_in
from gradveil.records.record import Record
from gradveil.records.setting import setting_of
from gradveil.records.store import Images, RecordStore
from gradveil.records.summary import by_setting
from gradveil.records.verdict import OPEN_ABOVE_DB

VICTIMS_SHOWN = 3
_WORDS = {"failed": "failed", "inapplicable": "does not apply"}


@dataclass(frozen=True, slots=True)
class Tile:
    """One cell: a picture as data URI, or a word in its place; `kind` styles it."""

    kind: Literal["truth", "open", "closed", "word"]
    source: str
    text: str
    title: str


@dataclass(frozen=True, slots=True)
class Strip:
    """One setting: for each victim shown, the truth and then one tile an attack."""

    label: str
    victims: list[list[Tile]]


@dataclass(frozen=True, slots=True)
class Gallery:
    """The first victims of one model."""

    victims: list[int]
    attacks: list[str]
    strips: list[Strip]


def gallery(store: RecordStore, records: Sequence[Record]) -> Gallery:
    """The pictures of one subject's first seed; RecordError when a stored picture is damaged."""
    first = min(record.seed for record in records)
    shown = [record for record in records if record.seed == first]
    victims = sorted({record.victim for record in shown})[:VICTIMS_SHOWN]
    attacks = attacks_in(shown)
    strips = []
    for setting, mine in by_setting(shown).items():
        tiles = [_tiles(store, [r for r in mine if r.victim == victim], attacks) for victim in victims]
        strips.append(Strip(setting.label, tiles))
    return Gallery(victims, ["truth", *(attack_label(attack) for attack in attacks)], strips)


def png(image: Images) -> str:
    """A [C, H, W] image in [0, 1] as a PNG data URI, at its own size."""
    return f"data:image/png;base64,{base64.b64encode(png_bytes(image)).decode()}"


def _tiles(store: RecordStore, records: Sequence[Record], attacks: Iterable[str]) -> list[Tile]:
    by_attack = {record.attack: record for record in records}
    found = [_found(store, by_attack.get(attack)) for attack in attacks]
    return [_truth(store, records), *found]


def _truth(store: RecordStore, records: Iterable[Record]) -> Tile:
    for record in records:
        if store.pictures_path(record.key).exists():
            truth, _ = store.load_pictures(record.key)
            return Tile("truth", png(truth[0]), "", f"truth of victim {record.victim}")
    return Tile("word", "", "no picture", "no trial of this victim left a picture")


def _found(store: RecordStore, record: Record | None) -> Tile:
    if record is None:
        return Tile("word", "", "not run", "the run holds no such trial")
    if record.status != "ok":
        return Tile("word", "", _WORDS[record.status], record.error or "")
    if not store.pictures_path(record.key).exists():
        return Tile("word", "", "no picture", f"{store.pictures_path(record.key).name} is missing")
    _, found = store.load_pictures(record.key)
    leaked = record.psnr is not None and record.psnr > OPEN_ABOVE_DB
    title = f"{setting_of(record).label}, {attack_label(record.attack)}, victim {record.victim}"
    return Tile("open" if leaked else "closed", png(found[0]), number(record.psnr), title)
