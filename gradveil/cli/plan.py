"""`gradveil plan`: the cheapest sound plan for a network under a threat and a budget."""

import json as json_lines
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer
from rich.console import Console
from rich.markdown import Markdown

from gradveil.cli.folders import require_absent, whole_folder
from gradveil.cli.numbers import numbers
from gradveil.cli.terminal import wide_console
from secagg import Adversary

if TYPE_CHECKING:
    from gradveil.plan import Metric, Plan
    from gradveil.planning import Wishes

PLAN, RECORD, PAGE = "job.plan", "plan.json", "plan.md"

_INTERRUPTED = 130

Found = TypeVar("Found")


def plan(
    model: Annotated[str, typer.Argument(help="module:factory, or NAME@SEED, e.g. lenet@0.")],
    data: Annotated[str, typer.Option(help="Sample images, as `gradveil audit` takes them.")] = "mnist5k",
    clients: Annotated[int, typer.Option(min=2, max=1000, help="In a round.")] = 20,
    dropout: Annotated[float, typer.Option(min=0, max=0.9, help="Share that may vanish.")] = 0.1,
    corrupt: Annotated[float, typer.Option(min=0, max=0.9, help="Share colluding with the server.")] = 0.1,
    server: Annotated[Adversary, typer.Option(help="What it does.")] = Adversary.SEMI_HONEST,
    shared_key: Annotated[bool, typer.Option(help="Whether clients may hold one decryption key.")] = True,
    readable: Annotated[bool, typer.Option(help="Whether single clients' values may be readable.")] = False,
    one_exchange: Annotated[bool, typer.Option(help="One message a round, e.g. NVFlare: no masks.")] = False,
    max_weight: Annotated[int, typer.Option(min=1, max=2**24, help="Most examples of a client.")] = 600,
    batch: Annotated[int, typer.Option(min=1, max=32, help="Examples behind an update, at worst.")] = 1,
    auxiliary: Annotated[bool, typer.Option(help="Whether the adversary has such images.")] = False,
    max_leakage: Annotated[float, typer.Option(help="dB of PSNR of any attacked image.")] = 12.0,
    max_error: Annotated[float, typer.Option(help="Of the aggregate, relative, l2.")] = 0.01,
    max_noise: Annotated[
        float, typer.Option(min=0, help="In the aggregate, relative, l2; where nothing else is sound.")
    ] = 1.0,
    max_bytes: Annotated[int | None, typer.Option(min=1, help="That a client sends a round.")] = None,
    max_seconds: Annotated[float | None, typer.Option(help="Of a client, a round, on this machine.")] = None,
    strategy: Annotated[list[str] | None, typer.Option(help="Of slices; may be repeated.")] = None,
    scheme: Annotated[
        Literal["cheapest", "packed", "ckks"], typer.Option(help="Of homomorphic encryption.")
    ] = "cheapest",
    dropping: Annotated[bool, typer.Option(help="Whether slices may be left out of updates.")] = False,
    metric: Annotated[list[str] | None, typer.Option(help="NAME=LIMIT that the server learns.")] = None,
    attacks: Annotated[int, typer.Option(min=1, max=1000, help="Views attacked at most.")] = 4,
    attack_steps: Annotated[
        int | None, typer.Option(min=1, max=100_000, help="Of a searching attack; by default by size.")
    ] = None,
    rate: Annotated[float, typer.Option(help="Of clients' SGD.")] = 0.1,
    steps: Annotated[int, typer.Option(min=1, max=100_000, help="Local, in a round.")] = 10,
    train: Annotated[int, typer.Option(min=0, max=1000, help="Rounds to simulate; 0: none.")] = 0,
    value_range: Annotated[str, typer.Option("--range", help="Black and white for the model.")] = "0,1",
    batch_norm: Annotated[Literal["running", "batch"], typer.Option(help="Clients' statistics.")] = "running",
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of everything random.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "cpu",
    out: Annotated[Path | None, typer.Option(help="Folder to make; it must not exist.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print plan.json on standard output.")] = False,
) -> None:
    """Find the cheapest sound plan; writes job.plan, which adapters load, plan.json and plan.md."""
    # torch takes a second to import; no other command waits for it.
    from gradveil.audit import choose_device
    from gradveil.planning import Budget, Job, Named, Threat, Training

    folder = out or Path("runs") / f"plan-{model.replace(':', '-').replace('@', '-')}"
    require_absent(folder)
    low, high = numbers("--range", value_range, float, 2)
    named = Named(model, data, (low, high), batch_norm, seed, choose_device(device))
    threat = Threat(
        clients=clients,
        dropout=dropout,
        corrupt=corrupt,
        server=server,
        shared_key=shared_key,
        readable=readable,
        one_exchange=one_exchange,
        max_weight=max_weight,
        batch=batch,
        auxiliary=auxiliary,
    )
    budget = Budget(
        leakage=max_leakage, error=max_error, noise=max_noise, bytes=max_bytes, seconds=max_seconds
    )
    wishes = _wishes(strategy or [], scheme, dropping, metric or [], attack_steps, attacks)
    job = Job(named, threat, budget, wishes, Training(rate=rate, steps=steps), rounds=train)
    _report(*_found(job.run), folder, json)


def _wishes(
    strategies: list[str], scheme: str, dropping: bool, metrics: list[str], steps: int | None, attacks: int
) -> "Wishes":
    from gradveil.planning import Wishes

    return Wishes(
        strategies=tuple(strategies),
        dropping=dropping,
        schemes=("packed", "ckks") if scheme == "cheapest" else (scheme,),
        metrics=tuple(_metric(one) for one in metrics),
        attack_steps=steps,
        attacks=attacks,
    )


def _metric(text: str) -> "Metric":
    """NAME=LIMIT; UsageError for anything else."""
    from gradveil.plan import Metric

    name, _, limit = text.partition("=")
    return Metric(name, numbers("--metric", limit, float, 1)[0])


def _found(run: Callable[[Callable[[str], None]], Found]) -> Found:
    """What was found, with a line on stderr that says what is going on."""
    console = Console(stderr=True)
    try:
        with console.status("loading") as status:
            return run(status.update)
    except KeyboardInterrupt as error:
        console.print("interrupted; nothing is written")
        raise typer.Exit(_INTERRUPTED) from error


def _report(plan: "Plan", record: dict[str, Any], folder: Path, json: bool) -> None:
    """Write the folder, then print the page; whatever is no JSON goes to stderr then."""
    from gradveil.plan import save
    from gradveil.planning import markdown_of

    page, text = markdown_of(record), json_lines.dumps(record, indent=2, allow_nan=False)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with whole_folder(folder) as unfinished:
        save(plan, unfinished / PLAN)
        (unfinished / RECORD).write_text(f"{text}\n", "utf-8")
        (unfinished / PAGE).write_text(page, "utf-8")
    if json:
        sys.stdout.write(f"{json_lines.dumps(record, allow_nan=False)}\n")
    console = wide_console(stderr=json)
    if not json:
        console.print(Markdown(page))
    console.print(f"plan: {(folder / PLAN).resolve()}", soft_wrap=True, highlight=False)
