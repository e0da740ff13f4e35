import subprocess
import sys

import he
from gradveil.exchange.errors import GradveilError, WireError


def test_every_exported_name_exists_and_is_sorted():
    assert he.__all__ == sorted(he.__all__)
    assert all(hasattr(he, name) for name in he.__all__)


def test_import_needs_no_torch():
    code = "import sys; sys.modules['torch'] = None; import he"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)  # noqa: S603


def test_errors_have_one_root():
    errors = [value for name in he.__all__ if name.endswith("Error") for value in [getattr(he, name)]]
    assert len(errors) == 8
    assert all(issubclass(error, he.HeError) and issubclass(error, GradveilError) for error in errors)
    assert issubclass(he.FrameError, WireError)
