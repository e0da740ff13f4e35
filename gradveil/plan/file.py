"""A plan as one file: a description in JSON and the sets of coordinates in binary.

An envelope (see `gradveil.exchange.wire`) of the kind `plan` with the fields description, encrypted, clear
and dropped coordinates, each in the form of `Selection.to_bytes`, which is bound to the layout's hash. There
is one valid form: what does not encode to the same bytes again is refused.
"""

from pathlib import Path

from gradveil.exchange import Layout, Selection, WireError, wire
from gradveil.exchange.files import write_atomically
from gradveil.plan.checks import MAX_PARAMETERS
from gradveil.plan.description import KIND, VERSION, Described, checked
from gradveil.plan.errors import PlanError
from gradveil.plan.plan import Plan
from he.params import from_description

MAX_BYTES = 2**27

_TYPES = (str, bytes, bytes, bytes)


def from_bytes(data: bytes) -> Plan:
    """Decode a plan; bytes prove nothing, so compare `Plan.hash` over a channel that you trust.

    Raises:
        WireError: damaged, oversized or non-canonical bytes, or a field that is unknown, missing or wrong.
        PlanError and what else `Plan` raises: a plan that cannot work.
    """
    text, *parts = wire.unpack(data, KIND, VERSION, _TYPES, max_bytes=MAX_BYTES)
    described = checked(text)
    layout = Layout(described.layout.names, described.layout.shapes)
    # Before masks of that length are made.
    if layout.size > MAX_PARAMETERS:
        raise PlanError(f"{layout.size} parameters exceed {MAX_PARAMETERS}; split the model")
    plan = _plan(described, layout, [Selection.from_bytes(part, layout) for part in parts])
    if plan.to_bytes() != data:
        raise WireError("plan: not in canonical form; write it with save()")
    return plan


def save(plan: Plan, path: Path) -> None:
    """Write the canonical bytes; the file is whole or not there."""
    write_atomically(path, plan.to_bytes())


def load(path: Path) -> Plan:
    """Read what `save` wrote; raises as `from_bytes` does."""
    with path.open("rb") as file:
        return from_bytes(file.read(MAX_BYTES + 1))


def _plan(described: Described, layout: Layout, selections: list[Selection]) -> Plan:
    encrypted, clear, dropped = selections
    params = described.encryption
    return Plan(
        layout=layout,
        clients=described.clients,
        max_weight=described.max_weight,
        encrypted=encrypted,
        clear=clear,
        dropped=dropped,
        encryption=None if params is None else from_description(params),
        masking=described.masking,
        weight=described.weight,
        metrics=described.metrics,
        min_clients=described.min_clients,
    )
