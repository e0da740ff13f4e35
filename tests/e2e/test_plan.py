"""From `gradveil plan` to rounds: the file goes to adapters as it is."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from gradveil.cli.app import app
from gradveil.fl import LocalJob, Trained
from gradveil.plan import load
from tests.simulation.conftest import write_blobs

MODEL = "lenet@0"


def run(*arguments):
    done = CliRunner().invoke(app, [str(one) for one in arguments])
    assert done.exit_code == 0, done.output
    return done.output


def planned(folder, *options):
    """A plan for 6 clients, written by the command line."""
    usual = (
        "--data",
        f"npz:{folder / 'blobs.npz'}",
        "--clients",
        6,
        "--max-leakage",
        139,
        "--attack-steps",
        10,
    )
    run("plan", MODEL, *usual, *options, "--out", folder / "keys")
    return folder / "keys" / "job.plan"


@pytest.fixture
def folder(tmp_path):
    write_blobs(tmp_path / "blobs.npz")
    return tmp_path


@pytest.mark.parametrize(
    "options", [("--corrupt", 0.2), ("--corrupt", 0, "--one-exchange")], ids=["masked", "encrypted"]
)
def test_a_simulation_runs_under_the_written_plan(folder, options):
    path = planned(folder, *options)
    usual = ("--model", "lenet", "--data", f"npz:{folder / 'blobs.npz'}", "--clients", 6, "--dropout", 0)
    run("simulate", path, *usual, "--rounds", 1, "--out", folder / "run")
    record = json.loads((folder / "run" / "simulation.json").read_text())
    assert record["plan"]["sha256"] == load(path).hash.hex()
    (done,) = record["rounds"]
    assert done["protected"]["aborted"] is None
    assert done["protected"]["clients"] == 6
    sent = json.loads(path.with_name("plan.json").read_text())["cost"]["predicted"]["bytes"]
    assert done["protected"]["up"] == pytest.approx(sent, rel=0.01)


def test_a_site_of_a_one_exchange_framework_takes_the_written_plan(folder, monkeypatch):
    pytest.importorskip("nvflare")
    from gradveil.fl.nvflare.site_files import plan_of_site

    path = planned(folder, "--corrupt", 0, "--one-exchange")
    monkeypatch.setenv("GRADVEIL_KEYS", str(path.parent))
    assert plan_of_site().hash == load(path).hash


def test_parties_of_the_written_plan_run_a_round(folder):
    """What the adapters wrap: clients and a server of the plan, all messages as bytes."""
    path = planned(folder, "--corrupt", 0, "--one-exchange")
    plan = load(path)
    names = [f"c{number}" for number in range(plan.clients)]
    job = LocalJob(plan, names, np.zeros(plan.layout.size, dtype=np.float32))
    record = job.run(lambda name, model: Trained(5, {}, model, model + 0.5))
    assert record.outcome.clients == set(names)
    assert job.opened_model() == pytest.approx(0.5, abs=plan.encryption.step * plan.unit)
