"""Each package imports without what its users may not have."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Runs in a new interpreter: blocks packages, imports the named packages with every module in them.
WALK = """
import importlib, pkgutil, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if {blocked}:
            raise ModuleNotFoundError(f"{{name}} is blocked", name=name)

sys.meta_path.insert(0, Blocker())
for package in {packages}:
    module = importlib.import_module(package)
    for found in pkgutil.walk_packages(module.__path__, package + ".") if {deep} else ():
        importlib.import_module(found.name)
"""
NAMED = "name.partition('.')[0] in {names}"
ALL_BUT = "name.partition('.')[0] not in {{*sys.stdlib_module_names, *{names}}}"


def import_all(packages, blocked, deep=True):
    script = WALK.format(blocked=blocked, packages=packages, deep=deep)
    command = [sys.executable, "-W", "error", "-c", script]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603


def assert_imports(packages, blocked, deep=True):
    done = import_all(packages, blocked, deep)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("package", ["he", "secagg", "gradveil.exchange"])
def test_a_client_in_another_framework_needs_no_torch(package):
    assert_imports([package], NAMED.format(names=["torch", "torchvision", "torchmetrics"]))


def test_he_and_secagg_import_together_without_torch():
    assert_imports(["he", "secagg"], NAMED.format(names=["torch"]))


def test_an_adversary_needs_no_cryptography():
    assert_imports(["attacks"], NAMED.format(names=["tenseal", "cryptography", "he", "secagg"]))


def test_exchange_needs_numpy_and_msgpack_only():
    assert_imports(["gradveil.exchange"], ALL_BUT.format(names=["gradveil", "numpy", "msgpack"]))


def test_the_top_package_is_light():
    assert_imports(["gradveil"], ALL_BUT.format(names=["gradveil"]), deep=False)


@pytest.mark.parametrize(
    "blocked", [NAMED.format(names=["numpy"]), ALL_BUT.format(names=["gradveil", "msgpack"])]
)
def test_a_blocked_package_would_be_noticed(blocked):
    done = import_all(["gradveil.exchange"], blocked)
    assert "numpy is blocked" in done.stderr
