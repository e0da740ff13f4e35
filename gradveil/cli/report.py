"""`gradveil report`: the page of a finished or interrupted run."""

from pathlib import Path
from typing import Annotated

import typer


def report(run: Annotated[Path, typer.Argument(help="Folder of the run.")]) -> None:
    """Write RUN/report.html again from the records."""
    from gradveil.report import write_report  # brings matplotlib, for which no other command waits

    typer.echo(f"report: {write_report(run).resolve()}")
