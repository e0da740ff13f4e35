"""The import contracts bite: a planted import fails the lint by the contract that forbids it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("he", "secagg", "attacks", "gradveil")
LINT = Path(sys.executable).with_name("lint-imports")


@pytest.fixture
def source(tmp_path):
    """A copy of the packages and the contracts, free to spoil."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(folder):
    command = [LINT, "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603


def plant(folder, package, statement):
    (folder / package / "planted.py").write_text(f"{statement}\n")


def test_the_source_keeps_all_contracts(source):
    done = lint(source)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("package", "statement", "contract"),
    [
        ("attacks", "import he", "An adversary reaches neither secrets nor the truth"),
        ("attacks", "import gradveil.audit", "An adversary reaches neither secrets nor the truth"),
        ("attacks", "import tenseal", "Adversaries need only torch and numpy"),
        ("he", "import torch", "An FL client needs no torch"),
        ("secagg", "import torch", "An FL client needs no torch"),
        ("he", "import secagg", "Layers: who may import whom"),
        ("gradveil/exchange", "import gradveil.records", "Layers: who may import whom"),
    ],
)
def test_a_planted_import_breaks_its_contract(source, package, statement, contract):
    plant(source, package, statement)
    done = lint(source)
    assert done.returncode == 1, done.stdout
    assert f"{contract} BROKEN" in done.stdout
