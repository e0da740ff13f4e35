"""One trial, one record: what was protected, what it cost, what leaked, and on which machine."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar, Final, Literal, NoReturn

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from gradveil.exchange.errors import GradveilError

SCHEMA: Final = 2


class RecordError(GradveilError):
    """A record, or the folder that holds it, is damaged, of another version, or not what it should be."""


def _finite_json(value: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    json.dumps(value, allow_nan=False)  # pydantic lets NaN and infinity pass inside free-form JSON
    return value


Name = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
AtLeastOne = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(ge=0)]
NotNegative = Annotated[float, Field(ge=0)]
Knob = bool | int | float | str | None
Facts = Annotated[Mapping[str, JsonValue], AfterValidator(_finite_json)]


@dataclass(frozen=True, slots=True)
class Record:
    """One trial of one attack on one victim behind one defense; docs/records.md explains each field.

    Fields are checked when a record is written and when it is read, against the same rules.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    schema: Annotated[int, Field(ge=SCHEMA, le=SCHEMA)]
    status: Literal["ok", "failed", "inapplicable"]
    model: Name
    data: Name
    train_steps: Count
    model_accuracy: Share | None
    defense: Name
    knobs: Mapping[Name, Knob]
    strategy: Name | None
    ratio: Share | None
    ratio_nonzero: Share | None
    layers: Mapping[Name, Share]
    visible: Share | None
    predicted_psnr: float | None
    clients: AtLeastOne
    batch: AtLeastOne
    attack: Name
    knows: Facts
    psnr: float | None
    ssim: float | None
    mse: NotNegative | None
    label_accuracy: Share | None
    rank100: float | None
    bytes_up: Count
    bytes_down: Count
    seconds_client: Seconds
    seconds_server: Seconds
    seconds_attack: Seconds
    aggregate_error: NotNegative | None
    seed: int
    victim: Count
    versions: Facts
    machine: Facts
    key: Annotated[str, Field(pattern=r"^[0-9a-f]{1,128}$")]
    claim: str
    error: Annotated[str, Field(pattern=r"^[^\r\n]+$")] | None

    def to_json(self) -> str:
        """One line of JSON that `from_json` accepts; RecordError when a field breaks the rules."""
        try:
            draft = json.dumps(self._as_dict())
        except (TypeError, ValueError) as error:
            raise RecordError(
                f"record is not JSON ({error}); use plain int, float, str, dict, list"
            ) from error
        return json.dumps(from_json(draft)._as_dict(), allow_nan=False)

    def without_times(self) -> dict[str, Any]:
        """The fields that the same seed must reproduce, for comparing runs: all but `seconds_*`."""
        return {name: value for name, value in self._as_dict().items() if not name.startswith("seconds_")}

    def _as_dict(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


_SCHEMA = TypeAdapter(Record)


def from_json(line: str) -> Record:
    """Read one record; RecordError names the field that is missing, unknown, or of a wrong type."""
    try:
        record = _SCHEMA.validate_json(line)
    except ValidationError as error:
        _raise_first(error)
    if (record.error is None) != (record.status == "ok"):
        raise RecordError("record field 'error': must give the reason exactly when status is not 'ok'")
    return record


def _raise_first(error: ValidationError) -> NoReturn:
    first = error.errors(include_url=False)[0]
    if not first["loc"]:
        raise RecordError(f"not a record: {first['msg']}") from error
    if first["loc"][0] == "schema" and isinstance(first["input"], int):
        raise RecordError(
            f"record field 'schema': version {first['input']}, but this gradveil reads version {SCHEMA}; "
            "read it with the gradveil that wrote it"
        ) from error
    raise RecordError(f"record field '{first['loc'][0]}': {first['msg']}") from error
