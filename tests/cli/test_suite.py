"""`gradveil audit --preset SUITE`, and trainings beside an audit, as a user calls them."""

import json

import pytest

from gradveil.audit import UtilityTable
from gradveil.audit.runner import Runner
from gradveil.audit.toml import load_suite, parse
from gradveil.cli.auditing import Auditing, how_to_train
from gradveil.cli.terminal import wide_console
from gradveil.report.reproduction import load_papers
from tests.cli.test_cli import TINY, gradveil


class Here:
    """Runs trials one after the other in this process."""

    def run(self, config, pending):
        runner = Runner(config, "cpu")
        for case in pending:
            yield runner.run(case)


def test_a_suite_runs_every_audit_and_compares(tmp_path, capsys):
    cheap = {"attacks": ["guess"], "victims": 1, "train_steps": [0]}
    small = {
        name: one.model_copy(update=cheap | {"defenses": one.defenses[:1]})
        for name, one in load_suite("seeds").items()
        if name in ("noise", "early")
    }
    Auditing(Here(), 0, wide_console(stderr=False), json=False).run_suite("seeds", small, tmp_path)
    printed = capsys.readouterr().out
    assert all((tmp_path / name / "report.html").exists() for name in ("noise", "early"))
    assert all(paper.title[:30] in printed for paper in load_papers("seeds"))
    assert printed.rstrip().endswith(str(tmp_path / "seeds.html"))


TABLE = UtilityTable(rounds=5, seeds=[1])


@pytest.mark.parametrize(
    ("configured", "asked", "usual", "wanted"),
    [
        (None, None, 0, None),
        (None, None, 300, UtilityTable(rounds=300)),
        (None, 7, 300, UtilityTable(rounds=7)),
        (None, 0, 300, None),
        (TABLE, None, 300, TABLE),
        (TABLE, 7, 0, UtilityTable(rounds=7, seeds=[1])),
        (TABLE, 0, 0, None),
    ],
    ids=["nothing", "usual", "asked", "none", "configured", "configured but rounds", "none after all"],
)
def test_the_command_line_comes_before_the_configuration(configured, asked, usual, wanted):
    config = parse(TINY, "tiny").model_copy(update={"utility": configured})
    assert how_to_train(config, asked, usual) == wanted


@pytest.mark.slow
def test_trainings_stand_beside_the_records(tmp_path):
    (tmp_path / "a.toml").write_text(TINY + '[[defenses]]\nkind = "sign"\n')
    command = ("audit", "a.toml", "--utility", 2, "--out", "run", "--workers", 1, "--device", "cpu")
    assert gradveil(*command, cwd=tmp_path).returncode == 0
    found = [json.loads(path.read_text()) for path in (tmp_path / "run" / "utility").iterdir()]
    assert {(one["defense"], one["rounds"]) for one in found} == {("identity", 2), ("sign", 2)}
    headline = (tmp_path / "run" / "report.html").read_text().partition('id="frontier"')[0]
    assert headline.count(">acc.<small>%</small>") == 1
    assert gradveil("leaderboard", "run", cwd=tmp_path).returncode == 0
    assert "not trained" not in (tmp_path / "run" / "leaderboard.html").read_text()


@pytest.mark.slow
def test_trainings_of_the_configuration_run_when_the_audit_is_finished(tmp_path):
    (tmp_path / "a.toml").write_text(TINY)
    command = ("audit", "a.toml", "--out", "run", "--workers", 1, "--device", "cpu")
    assert gradveil(*command, cwd=tmp_path).returncode == 0
    before = (tmp_path / "run" / "records.jsonl").read_bytes()
    (tmp_path / "a.toml").write_text(TINY + "[utility]\nrounds = 2\nclients = 3\n")
    assert gradveil(*command, cwd=tmp_path).returncode == 0
    assert (tmp_path / "run" / "records.jsonl").read_bytes() == before
    found = [json.loads(path.read_text()) for path in (tmp_path / "run" / "utility").iterdir()]
    assert {(one["rounds"], one["clients"]) for one in found} == {(2, 3)}
