"""`gradveil bench attacks`: options, and what is printed and written."""

import json

import pytest

from gradveil.bench.attacks_plan import AttackMetric, Setting
from gradveil.bench.results import OURS, Cell
from gradveil.exchange import GradveilError
from tests.bench.commands import one_number

CELL = Cell(AttackMetric.RESTART_STEP, "ms", "gradient matching:", OURS, Setting.of("LeNet", 8))
LINE = {
    "metric": "restart_step_ms",
    "setup": "gradient matching: LeNet 3x32x32, 8 restarts, cpu",
    "package": OURS,
    "value": 1.5,
    "unit": "ms",
}


@pytest.fixture
def run(monkeypatch):
    return one_number(monkeypatch, "attacks", CELL)


def test_tables_for_people(run):
    done = run("--quick")
    assert done.exit_code == 0
    assert "LeNet 3x32x32, 8 restarts, cpu" in done.stdout
    assert "1.5" in done.stdout


def test_json_lines_on_stdout_and_in_the_file(run, tmp_path):
    out = tmp_path / "new" / "attacks.json"
    done = run("--quick", "--json", "--out", out)
    assert [json.loads(line) for line in done.stdout.splitlines()] == [LINE]
    header, *lines = out.read_text().splitlines()
    assert json.loads(header)["plan"]["threads"] >= 1
    assert lines == done.stdout.splitlines()


def test_options_make_the_plan(run):
    run("--quick", "--peers")
    run("--device", "cpu", "--data", "npz:photos.npz")
    quick, full = run.plans
    assert (quick.peers, full.peers) == (True, False)
    assert (quick.data, full.data) == ("mnist5k", "npz:photos.npz")
    assert len(quick.steps) < len(full.steps)
    assert {setting.device for setting in full.steps} == {"cpu"}


@pytest.mark.parametrize("device", ["cuda", "tpu"])
def test_a_device_that_is_not_there_is_an_error(run, device, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    done = run("--device", device)
    assert isinstance(done.exception, GradveilError)
    assert run.plans == []
