"""`gradveil doctor`: what is installed, what is missing, and how to get it."""

import json as json_lines
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gradveil.doctor import diagnose

_STYLES = {"ok": "green", "warn": "yellow", "missing": "red"}


def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Versions, GPU, backends, what is missing and how to install it."""
    findings = diagnose()
    if json:
        for finding in findings:
            typer.echo(json_lines.dumps(asdict(finding)))
        return
    table = Table("part", "status", "detail", "remedy", title="gradveil doctor")
    for finding in findings:
        style = _STYLES[finding.status]
        table.add_row(
            finding.name, f"[{style}]{finding.status}", escape(finding.detail), escape(finding.remedy)
        )
    Console().print(table)
