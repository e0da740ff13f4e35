"""The readable half of a plan's file: everything but the sets of coordinates, as strict JSON."""

import json
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gradveil.exchange import WireError
from gradveil.plan.masking import Masking
from gradveil.plan.split import Metric, Placement

if TYPE_CHECKING:
    from gradveil.plan.plan import Plan

KIND, VERSION = "plan", 3

_MAX_TENSORS = 2**16
_MAX_METRICS = 256

Name = Annotated[str, Field(min_length=1, max_length=200)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Layout(_Strict):
    names: Annotated[tuple[Name, ...], Field(max_length=_MAX_TENSORS)]
    shapes: Annotated[tuple[tuple[int, ...], ...], Field(max_length=_MAX_TENSORS)]


class Described(_Strict):
    """Fields as of `Plan`."""

    layout: _Layout
    clients: int
    max_weight: int
    min_clients: int
    weight: Placement
    metrics: Annotated[tuple[Metric, ...], Field(max_length=_MAX_METRICS)]
    masking: Masking | None
    encryption: dict[str, Any] | None


def describe(plan: "Plan") -> str:
    """Canonical JSON."""
    described = Described(
        layout=_Layout(names=plan.layout.names, shapes=plan.layout.shapes),
        clients=plan.clients,
        max_weight=plan.max_weight,
        min_clients=plan.min_clients,
        weight=plan.weight,
        metrics=plan.metrics,
        masking=plan.masking,
        encryption=None if plan.encryption is None else plan.encryption.describe(),
    )
    return json.dumps(described.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))


def checked(text: str) -> Described:
    """Read JSON; WireError for a field that is unknown, missing or of another type."""
    try:
        return Described.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise WireError(f"plan: field {field!r}: {first['msg']}; write it with save()") from error
