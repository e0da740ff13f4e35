"""`gradveil`: one command for each question; errors are one line and exit code 2."""

import sys

import typer
from rich.console import Console

from gradveil._version import __version__
from gradveil.cli.attack import attack
from gradveil.cli.audit import audit
from gradveil.cli.bench import bench
from gradveil.cli.doctor import doctor
from gradveil.cli.export import export
from gradveil.cli.keys import keys
from gradveil.cli.leaderboard import leaderboard
from gradveil.cli.plan import plan
from gradveil.cli.report import report
from gradveil.cli.simulate import simulate
from gradveil.exchange import GradveilError

app = typer.Typer(
    name="gradveil",
    help="Which part of a federated-learning update must be encrypted, what does that cost, "
    "and what still leaks?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(audit)
app.command()(report)
app.command()(export)
app.command()(leaderboard)
app.command()(attack)
app.command()(plan)
app.command()(simulate)
app.command()(doctor)
app.add_typer(keys)
app.add_typer(bench, name="bench")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True),
) -> None:
    """Protect federated-learning updates and measure what still leaks."""


def main() -> None:
    """Run the command line; deliberate errors end with one line on stderr and exit code 2."""
    try:
        app()
    except (GradveilError, OSError) as error:
        Console(stderr=True, soft_wrap=True).print(f"error: {error}", style="bold red", markup=False)
        sys.exit(2)
