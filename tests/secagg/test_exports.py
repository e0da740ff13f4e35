"""The public names of the package."""

import subprocess
import sys

import pytest

import secagg
from gradveil.exchange import GradveilError, TooFewClientsError, WireError
from gradveil.parties import SignatureError


def test_all_names_exist_once():
    assert len(secagg.__all__) == len(set(secagg.__all__))
    assert all(hasattr(secagg, name) for name in secagg.__all__)


ERRORS = {
    "SecAggError": GradveilError,
    "ProtocolError": secagg.SecAggError,
    "OutOfOrderError": secagg.ProtocolError,
    "AbortedError": secagg.ProtocolError,
    "TamperedError": secagg.ProtocolError,
    "InfeasibleError": secagg.ProtocolError,
    "TooFewSharesError": TooFewClientsError,
    "OverflowRefusedError": secagg.SecAggError,
    "SecretExposedError": secagg.SecAggError,
}


def test_the_tree_of_errors_is_complete():
    assert set(ERRORS) == {name for name in secagg.__all__ if name.endswith("Error")}


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_has_its_parent_and_one_root(name):
    assert issubclass(getattr(secagg, name), ERRORS[name])
    assert issubclass(getattr(secagg, name), secagg.SecAggError)
    assert getattr(secagg, name).__doc__


def test_damage_and_forgery_are_errors_of_the_exchange():
    assert issubclass(SignatureError, WireError)
    assert not issubclass(WireError, secagg.SecAggError)


def test_an_import_needs_neither_torch_nor_tenseal():
    code = "import sys, secagg; print(sorted({'torch', 'tenseal'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert found.stdout.strip() == "[]"
