"""What a defense costs in accuracy: one training a setting, one file each in the folder of a run."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Final

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from gradveil.exchange.files import write_atomically
from gradveil.records.record import AtLeastOne, Count, Facts, Knob, Name, RecordError, Seconds, Share

UTILITY_SCHEMA: Final = 2

Curve = tuple[tuple[Count, Share], ...]
"""Rounds done and the accuracy then, from none to all of them."""


@dataclass(frozen=True, slots=True)
class Utility:
    """One training behind a defense; docs/records.md explains each field.

    Fields are checked when it is written and when it is read, against the same rules.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    schema: Annotated[int, Field(ge=UTILITY_SCHEMA, le=UTILITY_SCHEMA)]
    model: Name
    data: Name
    defense: Name
    knobs: Mapping[Name, Knob]
    strategy: Name | None
    ratio: Share | None
    clients: AtLeastOne
    batch: AtLeastOne
    rounds: AtLeastOne
    rate: Annotated[float, Field(gt=0)]
    held_out: AtLeastOne
    accuracy: Share | None
    curve: Curve
    seconds: Seconds
    seed: Count
    versions: Facts
    machine: Facts
    key: Annotated[str, Field(pattern=r"^[0-9a-f]{1,128}$")]
    error: Annotated[str, Field(pattern=r"^[^\r\n]+$")] | None

    @property
    def regime(self) -> tuple[object, ...]:
        """All that two trainings share that differ in nothing but the defense and the seed."""
        return self.model, self.data, self.clients, self.batch, self.rounds, self.rate, self.held_out

    def save(self, run_dir: Path) -> None:
        """Write RUN/utility/KEY.json; RecordError when a field breaks the rules."""
        text = json.dumps(asdict(self), indent=1)
        _parsed(text, self.key)
        write_atomically(utility_path(run_dir, self.key), f"{text}\n".encode())


_CHECKED = TypeAdapter(Utility)


def utility_path(run_dir: Path, key: str) -> Path:
    """Where the training `key` is, or will be."""
    return run_dir / "utility" / f"{key}.json"


def load_utilities(run_dir: Path) -> list[Utility]:
    """All trainings of a run by key, none if there are none; RecordError names a file that is damaged."""
    return [_parsed(path.read_text("utf-8"), str(path)) for path in sorted(run_dir.glob("utility/*.json"))]


def _parsed(text: str, source: str) -> Utility:
    try:
        found = _CHECKED.validate_json(text)
    except ValidationError as error:
        reason = _reason(error.errors(include_url=False)[0])
        raise RecordError(f"{source}: {reason}; remove the file and train that defense again") from error
    if (found.error is None) != (found.accuracy is not None):
        raise RecordError(f"{source}: field 'error': must give the reason exactly when there is no accuracy")
    if found.accuracy is not None and (not found.curve or found.curve[-1] != (found.rounds, found.accuracy)):
        raise RecordError(f"{source}: field 'curve': must end with the last round and its accuracy")
    return found


def _reason(first: ErrorDetails) -> str:
    field = ".".join(map(str, first["loc"])) or "file"
    if field == "schema":
        return f"version {first['input']}, but this gradveil reads version {UTILITY_SCHEMA}"
    return f"field {field!r}: {first['msg']}"
