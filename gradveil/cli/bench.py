"""`gradveil bench`: what protection costs, here and in other packages."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from gradveil.exchange.files import write_atomically

if TYPE_CHECKING:
    from gradveil.bench import Plan, Samples
    from gradveil.bench.measure import Progress as Reporter

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
    from gradveil.bench import Plan, Samples, tables
    from gradveil.bench.he import run_he

    plan = _sized(Plan.quick(peers=peers) if quick else Plan.full(peers=peers), values, clients)
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
    from gradveil.bench import Samples
    from gradveil.bench.secagg import run_secagg, secagg_tables
    from gradveil.bench.secagg_plan import SecAggPlan

    plan = SecAggPlan.quick(peers=peers) if quick else SecAggPlan.full(peers=peers)
    samples = Samples()
    with _reported("bench secagg", lambda: _print(samples, json, secagg_tables)) as progress:
        run_secagg(plan, samples, progress)
    _write(out, plan, samples)


@bench.command("attacks")
def bench_attacks(
    quick: Annotated[bool, typer.Option("--quick", help="Two small networks: a minute.")] = False,
    peers: Annotated[bool, typer.Option("--peers", help="Also the library breaching.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "cpu",
    data: Annotated[str, typer.Option(help="Images, as `gradveil audit` takes them.")] = "mnist5k",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
    out: Annotated[Path | None, typer.Option(help="A file for the JSON lines, if it gets that far.")] = None,
) -> None:
    """Milliseconds a restart and step, seconds to a picture of 30 dB, and what a budget buys."""
    from gradveil.audit import choose_device
    from gradveil.bench.attacks import run_attacks
    from gradveil.bench.attacks_plan import AttackPlan
    from gradveil.bench.attacks_results import AttackSamples, attack_tables

    used = choose_device(device)
    plan = AttackPlan.quick(used, peers=peers) if quick else AttackPlan.full(used, peers=peers)
    plan, samples = replace(plan, data=data), AttackSamples()
    with _reported("bench attacks", lambda: _print(samples, json, attack_tables)) as progress:
        run_attacks(plan, samples, progress)
    _write(out, plan, samples)


@contextmanager
def _reported(title: str, printed: Callable[[], None]) -> Iterator["Reporter"]:
    """A progress bar on stderr; at the end, or when interrupted, what there is."""
    try:
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(title, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
    except KeyboardInterrupt as error:
        raise typer.Exit(_INTERRUPTED) from error
    finally:
        printed()


def _write(out: Path | None, plan: object, samples: "Samples") -> None:
    from gradveil.bench.results import header_line

    if out is not None:
        lines = (header_line(plan), *samples.json_lines())
        write_atomically(out, "".join(f"{line}\n" for line in lines).encode())


def _sized(plan: "Plan", values: int | None, clients: int | None) -> "Plan":
    plan = plan if values is None else plan.with_values(values)
    return plan if clients is None else plan.with_clients(clients)


def _print(samples: "Samples", json: bool, made: Callable[["Samples"], list[Table]]) -> None:
    if json:
        sys.stdout.writelines(f"{line}\n" for line in samples.json_lines())
        return
    console = Console() if sys.stdout.isatty() else Console(width=_TABLE_WIDTH)
    for table in made(samples):
        console.print(table)
