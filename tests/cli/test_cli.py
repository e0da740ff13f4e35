"""The command line as a user calls it: exit codes, one-line errors, nothing half-written."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

TINY = """\
name = "tiny"
models = ["lenet"]
victims = 1
attacks = ["guess"]
[[defenses]]
kind = "identity"
"""


def gradveil(*arguments, cwd):
    command = [sys.executable, "-m", "gradveil", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603


def assert_refused(done, *words):
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(3):
            pixels = rng.integers(0, 256, (40, 36, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pets" / name / f"{number}.png")
    return tmp_path / "pets"


def test_unknown_preset(tmp_path):
    assert_refused(gradveil("audit", "--preset", "slow", cwd=tmp_path), "'slow'", "quick")


def test_malformed_toml_names_file_line_and_field(tmp_path):
    (tmp_path / "bad.toml").write_text(TINY.replace("victims = 1", "victims = -1"))
    done = gradveil("audit", "bad.toml", cwd=tmp_path)
    assert_refused(done, "bad.toml", "line 3", "'victims'")
    assert not (tmp_path / "runs").exists()


def test_file_and_preset_together(tmp_path):
    (tmp_path / "a.toml").write_text(TINY)
    assert_refused(gradveil("audit", "a.toml", "--preset", "quick", cwd=tmp_path), "choose one")


def test_missing_data_folder(tmp_path):
    done = gradveil("audit", "--data", "nowhere", "--out", "run", cwd=tmp_path)
    assert_refused(done, "'nowhere'", "subfolder")
    assert not (tmp_path / "run").exists()


def test_a_folder_with_one_broken_image_names_the_file(tmp_path, folder):
    (folder / "cats" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 40)
    done = gradveil("audit", "--data", "pets", "--out", "run", cwd=tmp_path)
    assert_refused(done, "broken.png", "repair or remove")
    assert not (tmp_path / "run").exists()


def test_report_of_no_run(tmp_path):
    assert_refused(gradveil("report", "nowhere", cwd=tmp_path), "gradveil audit")


def test_usage_errors_end_with_2(tmp_path):
    done = gradveil("audit", "--seed", "many", cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_an_audit_of_a_folder_of_images(tmp_path, folder):
    (tmp_path / "a.toml").write_text(TINY)
    done = gradveil("audit", "a.toml", "--data", "pets", "--out", "run", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (record,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert record["data"] == "folder:pets"
    assert record["status"] == "ok"
    assert record["rank100"] is None
    assert (tmp_path / "run" / "report.html").exists()
    assert done.stderr.rstrip().endswith("report.html")
    again = gradveil("report", "run", cwd=tmp_path)
    assert again.returncode == 0
    assert again.stdout.strip() == f"report: {tmp_path / 'run' / 'report.html'}"


def test_doctor_lists_parts_and_remedies(tmp_path):
    done = gradveil("doctor", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    findings = {finding["name"]: finding for finding in map(json.loads, done.stdout.splitlines())}
    assert findings["tenseal"]["status"] == "ok"
    assert all(f["remedy"] for f in findings.values() if f["status"] == "missing")
    assert gradveil("doctor", cwd=tmp_path).returncode == 0


def test_version(tmp_path):
    done = gradveil("--version", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.strip().startswith("0.")


def test_help_needs_none_of_the_heavy_libraries():
    script = "import gradveil.cli, sys; print({'torch', 'matplotlib', 'scipy'} & set(sys.modules))"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == "set()"
