"""`gradveil bench`: what protection costs, here and in other packages."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from gradveil.bench import Plan, Samples, run_he, tables
from gradveil.bench.measure import Progress as Reporter
from gradveil.bench.results import header_line
from gradveil.bench.secagg import run_secagg, secagg_tables
from gradveil.bench.secagg_plan import SecAggPlan
from gradveil.exchange.files import write_atomically

_TABLE_WIDTH = 160
_INTERRUPTED = 130

bench = typer.Typer(help="Measure what protection costs, here and in other packages.", no_args_is_help=True)


@bench.callback()
def _bench() -> None:
    """Measure what protection costs, here and in other packages."""


@bench.command("he")
def bench_he(
    quick: Annotated[bool, typer.Option("--quick", help="10^5 values only: less than 20 s.")] = False,
    peers: Annotated[bool, typer.Option("--peers", help="Also tenseal as other frameworks use it.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
    values: Annotated[int | None, typer.Option(min=100, max=10**8, help="Of the model.")] = None,
    clients: Annotated[int | None, typer.Option(min=2, max=4096, help="Of each round.")] = None,
    out: Annotated[Path | None, typer.Option(help="A file for the JSON lines, if it gets that far.")] = None,
) -> None:
    """Bytes, time, error and the server's memory of homomorphic encryption."""
    plan = _plan(quick, peers, values, clients)
    samples = Samples()
    with _reported("bench he", lambda: _print(samples, json, tables)) as progress:
        run_he(plan, samples, progress)
    _write(out, plan, samples)


@bench.command("secagg")
def bench_secagg(
    quick: Annotated[bool, typer.Option("--quick", help="Few clients, 10^5 values: less than 60 s.")] = False,
    peers: Annotated[bool, typer.Option("--peers", help="Also Flower's SecAgg+: 15 min in full.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
    out: Annotated[Path | None, typer.Option(help="A file for the JSON lines, if it gets that far.")] = None,
) -> None:
    """Seconds of clients and server, bytes and the server's memory of secure aggregation."""
    plan = SecAggPlan.quick(peers=peers) if quick else SecAggPlan.full(peers=peers)
    samples = Samples()
    with _reported("bench secagg", lambda: _print(samples, json, secagg_tables)) as progress:
        run_secagg(plan, samples, progress)
    _write(out, plan, samples)


@contextmanager
def _reported(title: str, printed: Callable[[], None]) -> Iterator[Reporter]:
    """A progress bar on stderr; at the end, or when interrupted, what there is."""
    try:
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(title, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
    except KeyboardInterrupt as error:
        raise typer.Exit(_INTERRUPTED) from error
    finally:
        printed()


def _write(out: Path | None, plan: object, samples: Samples) -> None:
    if out is not None:
        lines = (header_line(plan), *samples.json_lines())
        write_atomically(out, "".join(f"{line}\n" for line in lines).encode())


def _plan(quick: bool, peers: bool, values: int | None, clients: int | None) -> Plan:
    plan = Plan.quick(peers=peers) if quick else Plan.full(peers=peers)
    plan = plan if values is None else plan.with_values(values)
    return plan if clients is None else plan.with_clients(clients)


def _print(samples: Samples, json: bool, made: Callable[[Samples], list[Table]]) -> None:
    if json:
        sys.stdout.writelines(f"{line}\n" for line in samples.json_lines())
        return
    console = Console() if sys.stdout.isatty() else Console(width=_TABLE_WIDTH)
    for table in made(samples):
        console.print(table)
