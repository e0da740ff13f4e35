"""`gradveil attack`: what can be read out of one update."""

import json as json_lines
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gradveil.cli.folders import require_absent, whole_folder
from gradveil.cli.numbers import numbers
from gradveil.cli.terminal import wide_console

if TYPE_CHECKING:
    from gradveil.inspection import Answer, Attempt, Question

BatchNorm = Literal["running", "batch"]

_INTERRUPTED = 130


def attack(
    update: Annotated[Path, typer.Argument(help="A safetensors file with mean gradients.")],
    model: Annotated[str, typer.Option(help="module:factory, or NAME@SEED, e.g. lenet@0.")],
    layout: Annotated[Path | None, typer.Option(help="JSON: shapes by name, of a flat vector.")] = None,
    selection: Annotated[Path | None, typer.Option(help="The coordinates that stay closed.")] = None,
    shape: Annotated[str, typer.Option(help="Channels, height, width of an image.")] = "3,32,32",
    classes: Annotated[int, typer.Option(min=2, max=100_000, help="Of a model NAME@SEED.")] = 10,
    preset: Annotated[list[str] | None, typer.Option(help="An attack; may be repeated.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Examples; default: one a label, or 1.")] = None,
    labels: Annotated[str | None, typer.Option(help="The true labels, if granted: 3,7.")] = None,
    value_range: Annotated[str, typer.Option("--range", help="Black and white for the model.")] = "0,1",
    batch_norm: Annotated[BatchNorm, typer.Option(help="Statistics that the client used.")] = "running",
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of everything random.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    out: Annotated[Path | None, typer.Option(help="Folder to make; it must not exist.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the answer as one JSON object.")] = False,
) -> None:
    """Try what can be read out of one update; writes pictures and attack.json."""
    # torch takes a second to import; no other command waits for it.
    from gradveil.audit import choose_device
    from gradveil.inspection import Question, ask, preset_order

    folder = out or Path("runs") / f"attack-{update.stem}"
    require_absent(folder)
    channels, height, width = numbers("--shape", shape, int, 3)
    low, high = numbers("--range", value_range, float, 2)
    granted = numbers("--labels", labels, int) if labels is not None else None
    question = Question(
        update=update,
        model=model,
        presets=tuple(preset_order(preset or ())),
        layout=layout,
        selection=selection,
        input_shape=(channels, height, width),
        classes=classes,
        batch=batch or len(granted or (0,)),
        labels=granted,
        value_range=(low, high),
        batch_norm=batch_norm,
        seed=seed,
        device=choose_device(device),
    )
    _report(_answered(ask, question), folder, json)


def _answered(ask: Callable[["Question", Callable[[str], None]], "Answer"], question: "Question") -> "Answer":
    """The answer, with a line on stderr that says what is going on."""
    console = Console(stderr=True)
    try:
        with console.status("reading") as status:
            return ask(question, lambda name: status.update(f"attack {name}"))
    except KeyboardInterrupt as error:
        console.print("interrupted; nothing is written")
        raise typer.Exit(_INTERRUPTED) from error


def _report(answer: "Answer", folder: Path, json: bool) -> None:
    """Write the folder, then print the answer; whatever is no JSON goes to stderr then."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with whole_folder(folder) as unfinished:
        answer.write(unfinished)
    if json:
        sys.stdout.write(f"{json_lines.dumps(answer.as_record(), allow_nan=False)}\n")
    console = wide_console(stderr=json)
    if not json:
        console.print(_table(answer))
    console.print(f"pictures: {folder.resolve()}", soft_wrap=True, highlight=False)


def _table(answer: "Answer") -> Table:
    table = Table("attack", "residual", "labels", "seconds", "outcome", title="What can be read out")
    for attempt in answer.attempts:
        # Text, so that somebody else's message with [brackets] is not read as markup
        table.add_row(*(Text(cell) for cell in _cells(attempt)))
    table.caption = (
        f"{1 - answer.protected:.1%} of the coordinates readable; residual: what the reconstruction leaves "
        "unexplained of the readings, in l2 norm"
    )
    return table


def _cells(attempt: "Attempt") -> tuple[str, ...]:
    residual = attempt.evidence.get("relative_residual")
    labels = attempt.found.labels if attempt.found is not None else None
    return (
        attempt.preset,
        "-" if residual is None else f"{residual:.1e}",
        "-" if labels is None else ", ".join(map(str, labels)),
        f"{attempt.seconds:.1f}",
        attempt.reason or ", ".join(attempt.pictures()),
    )
