"""`gradveil audit`: cost against leakage, from configuration to report."""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gradveil.cli.auditing import Auditing
from gradveil.cli.errors import UsageError
from gradveil.cli.terminal import wide_console

if TYPE_CHECKING:
    from gradveil.audit import AuditConfig
    from gradveil.audit.executors import Executor

_DEFAULT_PRESET = "quick"
_RUNS = Path("runs")
_RAY_WORKERS = 2


def audit(
    config: Annotated[Path | None, typer.Argument(help="A TOML file; see docs/audit.md.")] = None,
    preset: Annotated[str | None, typer.Option(help="quick, leaderboard or seeds.")] = None,
    data: Annotated[str | None, typer.Option(help="A folder with one subfolder of images a class.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; resumes if it exists.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=2**32 - 1, help="Of all but keys.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default: one a core.")] = None,
    ray: Annotated[str | None, typer.Option(help="Run on a Ray cluster: HOST:PORT, auto, or local.")] = None,
    gpus_per_trial: Annotated[
        float | None, typer.Option(min=0.01, help="Share of a GPU, with --ray.")
    ] = None,
    utility: Annotated[
        int | None,
        typer.Option(min=0, help="Also train behind each defense for so many rounds; 0: do not."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the records, one JSON object a line.")] = False,
) -> None:
    """Measure what an update leaks under each defense, and what the defense costs."""
    # torch and matplotlib take seconds to import; no other command waits for them.
    from gradveil.audit import suite_names

    executor = _executor(device, workers, ray, gpus_per_trial)
    auditing = Auditing(executor, utility, wide_console(stderr=json), json)
    if config is None and preset in suite_names():
        suite = _suite(preset, data, seed)
        hashes = "".join(one.hash for one in suite.values())
        folder = f"{preset}-{hashlib.sha256(hashes.encode()).hexdigest()[:8]}"
        auditing.run_suite(preset, suite, out or _RUNS / folder)
    else:
        chosen = _configuration(config, preset, data, seed)
        auditing.run(chosen, out or _RUNS / f"{chosen.name}-{chosen.hash[:8]}")


def _executor(device: str, workers: int | None, ray: str | None, gpus: float | None) -> "Executor":
    from gradveil.audit import Cluster, Processes, choose_device
    from gradveil.audit.executors import LOCAL

    if ray is None:
        if gpus is not None:
            raise UsageError("--gpus-per-trial needs --ray; here, --workers processes share the GPU")
        used = choose_device(device)
        return Processes(used, workers or (1 if used == "cuda" else os.cpu_count() or 1))
    if workers is not None and ray != LOCAL:
        raise UsageError("--workers is for `--ray local`; a running cluster has as many as it has CPUs")
    if device != ("cuda" if gpus else "cpu") and device != "auto":
        raise UsageError("with --ray, trials run on the GPU if --gpus-per-trial is given; drop --device")
    return Cluster(ray, gpus or 0.0, workers or _RAY_WORKERS)


def _configuration(
    config: Path | None, preset: str | None, data: str | None, seed: int | None
) -> "AuditConfig":
    from gradveil.audit import ConfigError, load_config, load_preset

    if config is not None and preset is not None:
        raise ConfigError("both a file and --preset are given; choose one")
    chosen = load_config(config) if config is not None else load_preset(preset or _DEFAULT_PRESET)
    return _overridden(chosen, data, seed)


def _suite(name: str, data: str | None, seed: int | None) -> "dict[str, AuditConfig]":
    from gradveil.audit import load_suite

    return {one: _overridden(config, data, seed) for one, config in load_suite(name).items()}


def _overridden(config: "AuditConfig", data: str | None, seed: int | None) -> "AuditConfig":
    overrides: dict[str, object] = {} if data is None else {"data": [data]}
    if seed is not None:
        overrides |= {"seed": seed, "seeds": None}
    return config.model_copy(update=overrides)
