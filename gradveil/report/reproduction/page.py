"""Reported next to measured, as a page and as text."""

from pathlib import Path

from gradveil.exchange.files import write_atomically
from gradveil.records.columns import ABSENT
from gradveil.report.reproduction.compare import Compared, compare
from gradveil.report.reproduction.figures import load_papers
from gradveil.report.templates import template

_UNITS = {"psnr": "dB", "root_psnr": "dB of the root", "accuracy": "%"}


def write_reproduction(suite: str, folder: Path) -> Path:
    """Write FOLDER/SUITE.html from the audits in FOLDER and return its path.

    Raises:
        RecordError: a record or a training is damaged.
    """
    papers = [
        (paper, [(one, reported(one), measured(one)) for one in lines])
        for paper, lines in compare(folder, load_papers(suite))
    ]
    page = template("reproduction/template.html.j2").render(papers=papers)
    path = folder / f"{suite}.html"
    write_atomically(path, page.encode())
    return path


def reported(line: Compared) -> str:
    """With its unit; words as they are."""
    value = line.figure.reported
    return value if isinstance(value, str) else f"{value:g} {_UNITS[line.figure.quantity]}"


def measured(line: Compared) -> str:
    """With interval and unit, or why there is nothing."""
    if line.measured is None:
        return f"{ABSENT} ({line.shortfall})"
    found = line.measured
    return f"{found.mean:.1f} [{found.low:.1f}, {found.high:.1f}] {_UNITS[line.figure.quantity]}"
