"""Parameters of a job's encryption: those that a user wishes, or those that a plan names."""

import math
from enum import StrEnum
from pathlib import Path

import typer

from gradveil.cli.errors import UsageError, naming
from gradveil.plan import load
from he import CkksParams, Encryption, PackedParams, Params


class Scheme(StrEnum):
    """Schemes that choose their own parameters."""

    CKKS = "ckks"
    PACKED = "packed"


_KINDS: dict[Scheme, type[CkksParams] | type[PackedParams]] = {
    Scheme.CKKS: CkksParams,
    Scheme.PACKED: PackedParams,
}

_WISHES = ("scheme", "clients", "value_range", "precision", "security", "public_key")


def chosen(
    scheme: Scheme,
    clients: int | None,
    value_range: float | None,
    precision: int | None,
    security: int,
    public_key: bool,
) -> Params:
    """What a user wishes, and the scheme's usual values for the rest."""
    kind = _KINDS[scheme]
    usual = kind()
    return kind.for_(
        clients=usual.max_clients if clients is None else clients,
        value_range=usual.max_abs if value_range is None else value_range,
        precision_bits=int(math.log2(usual.max_steps)) if precision is None else precision,
        security=security,
        encryption=Encryption.PUBLIC_KEY if public_key else Encryption.SHARED_KEY,
    )


def of_plan(path: Path, context: typer.Context) -> Params | None:
    """What a plan encrypts with, or None.

    Raises:
        UsageError: no plan, or wishes besides.
        OSError: an unreadable file.
    """
    if others := [name for name in _WISHES if _is_said(context, name)]:
        option = "--range" if others[0] == "value_range" else f"--{others[0].replace('_', '-')}"
        raise UsageError(f"--plan says all parameters; leave {option} out")
    with naming(path):
        return load(path).encryption


def _is_said(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
