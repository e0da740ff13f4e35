"""`gradveil bench secagg`: what is printed and written, also after Ctrl-C."""

import json
import subprocess
import sys

import pytest

from gradveil.bench.memory import MeasurementError
from gradveil.bench.results import OURS, Cell
from gradveil.bench.secagg_plan import Cohort, SecAggMetric
from tests.bench.commands import one_number

CELL = Cell(SecAggMetric.ROUND, "s", "secagg:", OURS, Cohort(10**5, 10, dropout=0.1))
LINE = {
    "metric": "round_s",
    "setup": "secagg: 10^5 values, 10 clients, 10 % dropout",
    "package": OURS,
    "value": 1.5,
    "unit": "s",
}


@pytest.fixture
def run(monkeypatch):
    return one_number(monkeypatch, "secagg", CELL)


def test_tables_for_people(run):
    done = run("--quick")
    assert done.exit_code == 0
    assert "10^5 values, 10 clients, 10 % dropout" in done.stdout
    assert "1.5" in done.stdout


def test_json_lines_on_stdout_and_in_the_file(run, tmp_path):
    out = tmp_path / "new" / "secagg.json"
    done = run("--quick", "--json", "--out", out)
    assert [json.loads(line) for line in done.stdout.splitlines()] == [LINE]
    header, *lines = out.read_text().splitlines()
    assert {"machine", "versions", "date", "plan"} == json.loads(header).keys()
    assert lines == done.stdout.splitlines()


def test_ctrl_c_prints_what_there_is_and_writes_nothing(run, tmp_path):
    done = run("--json", "--out", tmp_path / "secagg.json", failure=KeyboardInterrupt())
    assert done.exit_code == 130
    assert [json.loads(line) for line in done.stdout.splitlines()] == [LINE]
    assert list(tmp_path.iterdir()) == []


def test_a_failure_prints_what_there_is(run):
    done = run("--json", failure=MeasurementError("the server failed"))
    assert isinstance(done.exception, MeasurementError)
    assert [json.loads(line) for line in done.stdout.splitlines()] == [LINE]


def test_options_make_the_plan(run):
    run("--quick", "--peers")
    run()
    quick, full = run.plans
    assert (quick.peers, full.peers) == (True, False)
    assert len(quick.cohorts) < len(full.cohorts)


def test_a_missing_peer_is_one_line(tmp_path):
    (tmp_path / "blocked.py").write_text(
        "import gradveil.bench.installed as installed; installed.find_spec = lambda name: None\n"
        "from gradveil.cli import main; main()\n"
    )
    arguments = [sys.executable, "blocked.py", "bench", "secagg", "--quick", "--peers", "--json"]
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 2
    assert done.stdout == ""
    assert [line for line in done.stderr.splitlines() if line.strip()] == [
        "error: flwr is not installed; run: pip install 'gradveil[peers]'"
    ]
