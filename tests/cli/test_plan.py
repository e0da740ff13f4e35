"""`gradveil plan` as a user calls it: a folder with a plan and its report, or one line that says why not."""

import json

import numpy as np
import pytest

from gradveil.plan import load
from gradveil.planning import Job
from tests.cli.key_files import Cli, names
from tests.simulation.conftest import write_blobs

SMALL = "tests.planning.networks:small"
OPTIONS = (
    "--data",
    "npz:blobs.npz",
    "--clients",
    6,
    "--dropout",
    0.17,
    "--corrupt",
    0.17,
    "--attack-steps",
    20,
)
LENIENT = ("--max-leakage", 139)
WISEST = ("--strategy", "wisest", "--max-noise", 0)


@pytest.fixture
def cli(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    write_blobs(tmp_path / "blobs.npz")
    return Cli(monkeypatch, capsys, "plan")


def test_a_folder_holds_the_plan_its_record_and_a_page(cli, tmp_path):
    code, output, _ = cli.run(SMALL, *OPTIONS, *LENIENT, "--metric", "loss=9", "--out", "out")
    assert code == 0
    assert names(tmp_path / "out") == ["job.plan", "plan.json", "plan.md"]
    plan = load(tmp_path / "out" / "job.plan")
    record = json.loads((tmp_path / "out" / "plan.json").read_text())
    assert record["plan"]["sha256"] == plan.hash.hex()
    assert [(metric.name, metric.limit) for metric in plan.metrics] == [("loss", 9.0)]
    assert (plan.clients, plan.min_clients, plan.masked.all()) == (6, 5, True)
    sizes = [record["cost"][how]["bytes"] for how in ("predicted", "measured")]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.01)
    page = (tmp_path / "out" / "plan.md").read_text()
    for words in ("all masked", plan.hash.hex(), "colluding", "mask_aware", f"{sizes[1]:,} bytes"):
        assert words in page
    assert f"plan: {tmp_path / 'out' / 'job.plan'}" in output


def test_metrics_that_a_plan_cannot_carry_are_named(cli, tmp_path):
    wish = ("--one-exchange", "--corrupt", 0, "--metric", "loss=9")
    code, output, _ = cli.run(SMALL, *OPTIONS, *LENIENT, *wish)
    assert code == 0
    assert "the server does not learn loss" in output


def test_json_goes_to_standard_output_alone(cli, tmp_path):
    code, output, errors = cli.run(SMALL, *OPTIONS, *LENIENT, "--json", "--out", "out")
    assert code == 0
    assert json.loads(output) == json.loads((tmp_path / "out" / "plan.json").read_text())
    assert "plan: " in errors


def test_training_under_the_plan_is_compared(cli, tmp_path):
    code, output, _ = cli.run("lenet@0", *OPTIONS, *LENIENT, "--train", 2, "--json", "--out", "out")
    assert code == 0
    found = json.loads(output)["training"]
    assert found["rounds"] == 2
    assert found["protected"] == pytest.approx(found["plain"], abs=0.05)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--max-bytes", 100), ("no plan", "--max-bytes")),
        (("--no-shared-key", "--one-exchange"), ("unsound", "share a decryption key", "exchanges")),
        (("--metric", "loss"), ("--metric",)),
        (("--range", "1,0"), ("no range",)),
        (
            (*WISEST, "--dropping", "--max-error", 0.99, "--max-bytes", 40_000),
            ("impossible", "wisest"),
        ),
        (("--data", "npz:absent.npz"), ("absent.npz",)),
        (("--train", 1), ("gradveil.models",)),
    ],
    ids=lambda value: str(value[0]),
)
def test_one_line_says_why_there_is_no_plan(cli, tmp_path, options, words):
    cli.refuses(SMALL, *OPTIONS, *LENIENT, *options, "--out", "out", words=words)
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten(cli, tmp_path):
    (tmp_path / "out").mkdir()
    cli.refuses(SMALL, *OPTIONS, "--out", "out", words=("out exists",))


def test_an_unknown_network_is_refused(cli):
    cli.refuses("nowhere:network", *OPTIONS, words=("nowhere:network",))


def test_images_of_another_shape_are_refused(cli, tmp_path):
    images = np.zeros((120, 5, 5), dtype=np.uint8)
    np.savez(tmp_path / "tiny.npz", images=images, labels=np.arange(120) % 3)
    cli.refuses(SMALL, *OPTIONS, "--data", "npz:tiny.npz", words=("1x5x5",))


def test_an_interrupt_leaves_nothing(cli, tmp_path, monkeypatch):
    def interrupted(self, progress):
        raise KeyboardInterrupt

    monkeypatch.setattr(Job, "run", interrupted)
    code, _, errors = cli.run(SMALL, *OPTIONS, "--out", "out")
    assert (code, "nothing is written" in errors) == (130, True)
    assert not (tmp_path / "out").exists()
