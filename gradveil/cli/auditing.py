"""What `gradveil audit` does with one configuration, or with a suite of them."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gradveil.cli.terminal import late_progress
from gradveil.records import Record, summarise
from gradveil.records.terminal import tables
from gradveil.records.utility import load_utilities

if TYPE_CHECKING:
    from gradveil.audit import AuditConfig, UtilityTable
    from gradveil.audit.executors import Executor

_INTERRUPTED = 130
_USUAL_ROUNDS = 300


@dataclass(frozen=True)
class Auditing:
    """How to run audits, and where to say so.

    Attributes:
        executor: of the trials.
        utility: rounds of the trainings behind each defense; 0 for none, None: as configured.
        console: of progress and summaries.
        json: whether records go to standard output.
    """

    executor: "Executor"
    utility: int | None
    console: Console
    json: bool

    def run(self, config: "AuditConfig", folder: Path) -> None:
        """All trials and trainings that the folder does not hold yet, the report, the summary."""
        from gradveil.report import write_report

        records = self._measured(config, how_to_train(config, self.utility), folder)
        page = write_report(folder)
        for table in tables(summarise(records, load_utilities(folder))):
            self.console.print(table)
        self._print_records(records)
        self._print_path("report", page)

    def run_suite(self, name: str, configs: Mapping[str, "AuditConfig"], folder: Path) -> None:
        """Every audit in a folder of its own, with a report; then what was reported next to all of them."""
        from gradveil.report import write_report
        from gradveil.report.reproduction import load_papers, write_reproduction

        figures = [figure for paper in load_papers(name) for figure in paper.figures]
        trained = {figure.run for figure in figures if figure.quantity == "accuracy"}
        for one, config in configs.items():
            trainings = how_to_train(config, self.utility, _USUAL_ROUNDS if one in trained else 0)
            self._print_records(self._measured(config, trainings, folder / one))
            write_report(folder / one)
        page = write_reproduction(name, folder)
        for table in _compared(name, folder):
            self.console.print(table)
        self._print_path("report", page)

    def _measured(self, config: "AuditConfig", table: "UtilityTable | None", folder: Path) -> list[Record]:
        from gradveil.audit import Processes, run_audit
        from gradveil.audit.utility import measure_utilities

        with self._interruptible(), late_progress(self.console, f"audit {config.name}", "trials") as show:
            records = run_audit(config, folder, executor=self.executor, progress=show)
        if table is not None:
            here = self.executor if isinstance(self.executor, Processes) else Processes("cpu", 1)
            with self._interruptible(), late_progress(self.console, "accuracy", "trainings") as show:
                measure_utilities(
                    config, table, folder, device=here.device, workers=here.workers, progress=show
                )
        return records

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt as error:
            self.console.print("interrupted; run the same command to go on")
            raise typer.Exit(_INTERRUPTED) from error

    def _print_records(self, records: list[Record]) -> None:
        for record in records if self.json else ():
            sys.stdout.write(record.to_json() + "\n")

    def _print_path(self, what: str, page: Path) -> None:
        self.console.print(f"{what}: {page.resolve()}", soft_wrap=True, highlight=False)


def how_to_train(config: "AuditConfig", asked: int | None, usual: int = 0) -> "UtilityTable | None":
    """As configured, but for as many rounds as are asked for; None for not at all.

    Args:
        config: of the audit.
        asked: rounds, 0 for none, None to leave it to the configuration.
        usual: rounds when neither says anything.
    """
    from gradveil.audit import UtilityTable

    if asked is None and config.utility is not None:
        return config.utility
    rounds = usual if asked is None else asked
    given = config.utility.model_dump() if config.utility is not None else {}
    return UtilityTable.model_validate(given | {"rounds": rounds}) if rounds else None


def _compared(suite: str, folder: Path) -> Iterator[Table]:
    """One table a publication: reported next to measured."""
    from gradveil.report.reproduction import compare, load_papers, measured, reported

    for paper, lines in compare(folder, load_papers(suite)):
        table = Table(title=Text(paper.title, style="bold"), title_justify="left", box=None, pad_edge=False)
        for heading in ("what", "reported", "measured"):
            table.add_column(heading, overflow="fold")
        for line in lines:
            table.add_row(*map(Text, (line.figure.what, reported(line), measured(line))))
        yield table
