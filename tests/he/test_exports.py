import subprocess
import sys

import pytest

import he
from gradveil.exchange.errors import GradveilError, WireError
from he import errors


def test_every_exported_name_exists_and_is_sorted():
    assert he.__all__ == sorted(he.__all__)
    assert all(hasattr(he, name) for name in he.__all__)


@pytest.mark.parametrize("absent", ["torch", "torchvision", "attacks"])
def test_import_needs_no(absent):
    code = f"import sys; sys.modules[{absent!r}] = None; import he"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)  # noqa: S603


def test_errors_have_one_root_and_are_all_exported():
    defined = {
        name for name, value in vars(errors).items() if getattr(value, "__module__", "") == errors.__name__
    }
    shared = {"KeyRoleError", "SignatureError"}
    exported = {name for name in he.__all__ if name.endswith("Error")}
    assert exported == defined | shared
    for name in sorted(exported):
        error = getattr(he, name)
        assert issubclass(error, GradveilError if name in shared else he.HeError)
        assert error.__doc__


def test_damaged_frames_are_wire_errors():
    assert issubclass(he.FrameError, WireError)
    assert issubclass(he.SignatureError, WireError)
    assert issubclass(he.InsecureParametersError, he.ParametersError)
    assert not issubclass(he.DecryptionError, WireError)
