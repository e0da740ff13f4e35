"""The tables of the report that say under which conditions the numbers hold."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from gradveil.records.columns import ABSENT
from gradveil.records.labels import attack_label, attacks_in
from gradveil.records.record import Record
from gradveil.records.setting import setting_of
from gradveil.records.utility import Utility


@dataclass(frozen=True, slots=True)
class Table:
    """Headings and rows of text."""

    headings: list[str]
    rows: list[list[str]]


def assumptions(records: Sequence[Record]) -> Table:
    """What each attack was granted: one row an assumption, one column an attack."""
    attacks = attacks_in(records)
    names = dict.fromkeys(name for record in records for name in record.knows)
    rows = [
        [
            name,
            *(
                _distinct(r.knows[name] for r in records if r.attack == attack and name in r.knows)
                for attack in attacks
            ),
        ]
        for name in names
    ]
    return Table(["assumption", *(attack_label(attack) for attack in attacks)], rows)


def claims(records: Iterable[Record]) -> Table:
    """What each defense promises, as recorded with its trials."""
    ordered = sorted(records, key=lambda record: setting_of(record).order)
    pairs = dict.fromkeys((setting_of(record).label, record.claim or "nothing") for record in ordered)
    return Table(["defense", "claim"], [list(pair) for pair in pairs])


def shortfalls(records: Iterable[Record]) -> Table:
    """Every trial that gave no number, with its reason; the same reason on several victims shares a row."""
    rows: dict[tuple[str, ...], list[int]] = {}
    for record in sorted(records, key=lambda record: record.status):
        if record.status != "ok":
            what = (record.status, record.model, setting_of(record).label, attack_label(record.attack))
            rows.setdefault((*what, record.error or ""), []).append(record.victim)
    body = [
        [*what, ", ".join(map(str, sorted(victims))), reason] for (*what, reason), victims in rows.items()
    ]
    return Table(["status", "model", "defense", "attack", "victims", "reason"], body)


def trials(records: Sequence[Record]) -> Table:
    """Counts and settings of the run."""
    status = Counter(record.status for record in records)
    counts = ", ".join(f"{status[name]} {name}" for name in ("ok", "failed", "inapplicable"))
    fields: dict[str, Callable[[Record], JsonValue]] = {
        "models": lambda record: record.model,
        "data": lambda record: record.data,
        "clients": lambda record: record.clients,
        "batch size": lambda record: record.batch,
        "training steps": lambda record: record.train_steps,
        "seed": lambda record: record.seed,
        "record schema": lambda record: record.schema,
    }
    rows = [[name, _distinct(map(value, records))] for name, value in fields.items()]
    victims = len({(record.model, record.data, record.seed, record.victim) for record in records})
    return Table(["", ""], [["trials", f"{len(records)}: {counts}"], ["victims", str(victims)], *rows])


def trainings(utilities: Sequence[Utility]) -> Table:
    """How the accuracies came about; no rows if there are none."""
    settings: dict[str, set[float]] = {
        "rounds": {one.rounds for one in utilities},
        "clients": {one.clients for one in utilities},
        "images a client and round": {one.batch for one in utilities},
        "step size of the server's Adam": {one.rate for one in utilities},
        "held-out images": {one.held_out for one in utilities},
        "seed": {one.seed for one in utilities},
    }
    rows = [[name, " / ".join(f"{value:g}" for value in sorted(found))] for name, found in settings.items()]
    failed = [[f"{one.model}: {one.defense}", one.error] for one in utilities if one.error is not None]
    return Table(["", ""], [*rows, *failed] if utilities else [])


def merged(facts: Iterable[Mapping[str, JsonValue]]) -> Table:
    """The machines or the versions of all records as one table; values that differ stand side by side."""
    seen = list(facts)
    names = sorted({name for fact in seen for name in fact})
    return Table(["", ""], [[name, _distinct(f[name] for f in seen if name in f)] for name in names])


def _distinct(values: Iterable[JsonValue]) -> str:
    texts = list(dict.fromkeys(_text(value) for value in values))
    return " / ".join(texts) or ABSENT


def _text(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return ABSENT
    return value if isinstance(value, str) else json.dumps(value)
