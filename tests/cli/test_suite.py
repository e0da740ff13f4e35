"""`gradveil audit --preset SUITE`, and trainings beside an audit, as a user calls them."""

import json

import pytest

from gradveil.audit.runner import Runner
from gradveil.audit.toml import load_suite
from gradveil.cli.auditing import Auditing
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


@pytest.mark.slow
def test_trainings_stand_beside_the_records(tmp_path):
    (tmp_path / "a.toml").write_text(TINY + '[[defenses]]\nkind = "sign"\n')
    command = ("audit", "a.toml", "--utility", 2, "--out", "run", "--workers", 1, "--device", "cpu")
    assert gradveil(*command, cwd=tmp_path).returncode == 0
    found = [json.loads(path.read_text()) for path in (tmp_path / "run" / "utility").iterdir()]
    assert {(one["defense"], one["rounds"]) for one in found} == {("identity", 2), ("sign", 2)}
    assert gradveil("leaderboard", "run", cwd=tmp_path).returncode == 0
    assert "not trained" not in (tmp_path / "run" / "leaderboard.html").read_text()
