"""`gradveil leaderboard`: every defense of some runs, its worst adversary, its accuracy, its cost."""

from pathlib import Path
from typing import Annotated

import typer


def leaderboard(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of audits.")],
    out: Annotated[
        Path | None, typer.Option(help="The page. Default: leaderboard.html in the first run.")
    ] = None,
) -> None:
    """Write one sortable page of every defense: who reads how much through it, and what it costs."""
    from gradveil.report import write_leaderboard  # brings matplotlib, for which no other command waits

    page = write_leaderboard(runs, out or runs[0] / "leaderboard.html")
    typer.echo(f"leaderboard: {page.resolve()}")
