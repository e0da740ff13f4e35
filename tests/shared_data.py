"""Files that lie beside the checkout on some machines; tests that need them skip on others."""

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("GRADVEIL_SHARED_DATA") or Path(__file__).parents[2] / "shared" / "data")


def shared(name):
    """The path of a file, or a skip with its reason."""
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"{path} is not there; set GRADVEIL_SHARED_DATA to a folder that has {name}")
    return path
