"""All trainings of an audit, in parallel, each kept as soon as it is done."""

from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from gradveil.audit.config import AuditConfig, UtilityTable
from gradveil.audit.run import locked
from gradveil.audit.utility.job import jobs, run
from gradveil.audit.workers import in_processes
from gradveil.records.utility import Utility, load_utilities, utility_path


def measure_utilities(
    config: AuditConfig,
    table: UtilityTable,
    folder: Path,
    *,
    device: str,
    workers: int,
    progress: Callable[[int, int], None],
) -> list[Utility]:
    """Run all trainings that the folder does not hold yet; returns those of all its trainings.

    Args:
        config: the audit's.
        table: how to train.
        folder: of the run.
        device: `cpu` or `cuda`.
        workers: processes; each uses one thread.
        progress: called with the finished and the total number of trainings.

    Raises:
        GradveilError: another audit is running in the folder.
        WorkerError: a worker died; what was finished is kept.
        RecordError: a training in the folder is damaged.
    """
    wanted = list(jobs(config, table))
    pending = [job for job in wanted if not utility_path(folder, job.key).exists()]
    before = len(wanted) - len(pending)
    progress(before, len(wanted))
    if pending:
        with locked(folder), closing(in_processes(partial(run, device=device), pending, workers)) as finished:
            for done, utility in enumerate(finished, before + 1):
                utility.save(folder)
                progress(done, len(wanted))
    return load_utilities(folder)
