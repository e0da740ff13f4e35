"""Trials in processes of this machine."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import partial

from gradveil.audit.config import AuditConfig
from gradveil.audit.executors.base import Done, ready_runner
from gradveil.audit.plan import Case
from gradveil.audit.runner import Runner
from gradveil.audit.workers import in_processes

_runner: Runner | None = None


@dataclass(frozen=True)
class Processes:
    """So many processes.

    Attributes:
        device: `cpu` or `cuda`, the same for all.
        workers: at most; no more start than there are trials.
    """

    device: str
    workers: int

    def run(self, config: AuditConfig, pending: Sequence[Case]) -> Generator[Done, None, None]:
        """As an executor does; a dead process ends the whole run."""
        return in_processes(_run, pending, self.workers, partial(_prepare, config, self.device))


def _prepare(config: AuditConfig, device: str) -> None:
    global _runner
    _runner = ready_runner(config, device)


def _run(case: Case) -> Done:
    assert _runner is not None  # noqa: S101 -- set before the first trial
    return _runner.run(case)
