"""All trainings of an audit, in parallel, each kept as soon as it is done."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from gradveil.audit.config import AuditConfig
from gradveil.audit.utility.job import jobs, run
from gradveil.audit.workers import in_processes
from gradveil.records.utility import Utility, load_utilities, utility_path


def measure_utilities(
    config: AuditConfig,
    folder: Path,
    *,
    rounds: int,
    device: str,
    workers: int,
    progress: Callable[[int, int], None],
) -> list[Utility]:
    """Run all trainings that the folder does not hold yet; returns those of all its trainings.

    Args:
        config: the audit's; its first seed alone is trained with.
        folder: of the run.
        rounds: of each training.
        device: `cpu` or `cuda`.
        workers: processes; each uses one thread.
        progress: called with the finished and the total number of trainings.

    Raises:
        WorkerError: a worker died.
        RecordError: a training in the folder is damaged.
    """
    wanted = list(jobs(config, rounds))
    pending = [job for job in wanted if not utility_path(folder, job.key).exists()]
    progress(len(wanted) - len(pending), len(wanted))
    if not pending:
        return load_utilities(folder)
    finished = in_processes(partial(run, device=device), pending, workers)
    for done, utility in enumerate(finished, len(wanted) - len(pending) + 1):
        utility.save(folder)
        progress(done, len(wanted))
    return load_utilities(folder)
