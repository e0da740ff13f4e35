"""Runs all cases of an audit; one record is on disk before the next one counts."""

from collections.abc import Generator, Sequence
from contextlib import closing

from gradveil.audit.config import AuditConfig
from gradveil.audit.executors import Executor
from gradveil.audit.plan import Case
from gradveil.records import Record, RecordStore


def sweep(
    config: AuditConfig, pending: Sequence[Case], store: RecordStore, executor: Executor
) -> Generator[Record, None, None]:
    """Run the pending cases, append each record as it is done, and yield it.

    Only this process writes, whatever runs the trials.

    Args:
        config: the audit's configuration.
        pending: cases without a record.
        store: where records and pictures go.
        executor: runs them.

    Raises:
        GradveilError: see `Executor`; what was finished is kept.
    """
    # Closed at once on Ctrl-C, so that workers stop before the interpreter waits for them.
    with closing(executor.run(config, pending)) as finished:
        for record, outcome in finished:
            if outcome.pictures is not None:
                store.save_pictures(record.key, *outcome.pictures)
            store.append(record)
            yield record
