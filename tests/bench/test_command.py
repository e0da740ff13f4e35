"""`gradveil bench he`: what is printed and written, also after Ctrl-C."""

import json
import os
import signal
import subprocess
import sys

import pytest

from gradveil.bench import Metric
from gradveil.bench.memory import MeasurementError
from gradveil.bench.results import OURS, Cell, Place
from tests.bench.commands import one_number

CELL = Cell(Metric.ROUND, "s", "packed", OURS, Place(10**5, 4))


@pytest.fixture
def run(monkeypatch):
    return one_number(monkeypatch, "he", CELL)


def test_tables_for_people(run):
    done = run("--quick")
    assert done.exit_code == 0
    assert "10^5 values, 4 clients, 1 process" in done.stdout
    assert "1.5" in done.stdout


def test_json_lines_on_stdout_and_in_the_file(run, tmp_path):
    out = tmp_path / "new" / "he.json"
    done = run("--quick", "--json", "--out", out)
    assert [json.loads(line)["value"] for line in done.stdout.splitlines()] == [1.5]
    header, *lines = out.read_text().splitlines()
    assert {"machine", "versions", "date", "plan"} == json.loads(header).keys()
    assert lines == done.stdout.splitlines()


def test_ctrl_c_prints_what_there_is_and_writes_nothing(run, tmp_path):
    done = run("--json", "--out", tmp_path / "he.json", failure=KeyboardInterrupt())
    assert done.exit_code == 130
    assert [json.loads(line)["value"] for line in done.stdout.splitlines()] == [1.5]
    assert list(tmp_path.iterdir()) == []


def test_a_failure_prints_what_there_is(run):
    done = run("--json", failure=MeasurementError("the server failed"))
    assert isinstance(done.exception, MeasurementError)
    assert [json.loads(line)["value"] for line in done.stdout.splitlines()] == [1.5]


def test_options_make_the_plan(run):
    run("--quick", "--peers", "--values", 1000, "--clients", 3)
    run()
    quick, full = run.plans
    assert quick.peers
    assert [(size.values, size.clients) for size in (*quick.sizes, quick.memory)] == [(1000, 3)] * 2
    assert [size.values for size in full.sizes] == [10**5, 10**6, 10**7]
    assert (full.memory.values, full.memory.clients) == (10**6, 50)
    assert full.repetitions >= 5
    assert not full.peers


@pytest.mark.parametrize("arguments", [("--values", 0), ("--clients", 1), ("--values", "many")])
def test_usage_errors_end_with_2(run, arguments):
    assert run(*arguments).exit_code == 2


@pytest.mark.slow
def test_a_real_ctrl_c_is_quiet(tmp_path):
    command = [sys.executable, "-m", "gradveil", "bench", "he", "--quick", "--json", "--clients", "40"]
    with subprocess.Popen(  # noqa: S603
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        with pytest.raises(subprocess.TimeoutExpired):
            running.wait(timeout=20)
        os.killpg(running.pid, signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert all(json.loads(line)["value"] > 0 for line in out.splitlines())
    assert "Traceback" not in err
