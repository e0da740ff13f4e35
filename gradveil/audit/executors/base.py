"""What all executors are."""

from collections.abc import Generator, Sequence
from typing import Protocol

from gradveil.audit.config import AuditConfig
from gradveil.audit.plan import Case
from gradveil.audit.runner import Runner
from gradveil.audit.trial import Outcome
from gradveil.records import Record

Done = tuple[Record, Outcome]
"""A finished trial, whatever came of it."""


class Executor(Protocol):
    """Runs trials side by side, each in one thread, so that results do not depend on how many."""

    def run(self, config: AuditConfig, pending: Sequence[Case]) -> Generator[Done, None, None]:
        """Yield each trial as it ends, in any order; closing the generator stops the others.

        Raises:
            GradveilError: workers cannot start or read the data.
            WorkerError: trials were lost with their worker, after all others have been yielded or at once.
        """
        ...


def ready_runner(config: AuditConfig, device: str) -> Runner:
    """A worker's runner; data that is not there is an error of the worker, not a failure of its trials.

    Raises:
        DataError: a data set is missing or broken.
    """
    runner = Runner(config, device)
    for source in config.data:
        runner.targets.dataset(source)
    return runner
