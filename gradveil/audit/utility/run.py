"""All trainings of an audit, in parallel, each kept as soon as it is done."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from gradveil.audit.config import AuditConfig
from gradveil.audit.utility.job import jobs, run
from gradveil.audit.workers import start_worker
from gradveil.exchange import GradveilError
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
        GradveilError: a worker died, or a training in the folder is damaged.
    """
    wanted = list(jobs(config, rounds))
    pending = [job for job in wanted if not utility_path(folder, job.key).exists()]
    progress(len(wanted) - len(pending), len(wanted))
    if not pending:
        return load_utilities(folder)
    with ProcessPoolExecutor(min(workers, len(pending)), get_context("spawn"), start_worker) as pool:
        futures = [pool.submit(run, job, device) for job in pending]
        try:
            for done, future in enumerate(as_completed(futures), len(wanted) - len(pending) + 1):
                future.result().save(folder)
                progress(done, len(wanted))
        except BrokenProcessPool as error:
            raise GradveilError(
                "a worker process died, perhaps for lack of memory; run the same command to go on"
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return load_utilities(folder)
