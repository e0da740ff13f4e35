"""The public names of the package."""

import pytest

import secagg
from gradveil.exchange import GradveilError


def test_all_names_exist_and_are_sorted():
    assert secagg.__all__ == sorted(secagg.__all__)
    assert all(hasattr(secagg, name) for name in secagg.__all__)


@pytest.mark.parametrize("name", [name for name in secagg.__all__ if name.endswith("Error")])
def test_every_error_has_one_root(name):
    assert issubclass(getattr(secagg, name), GradveilError)
    assert issubclass(getattr(secagg, name), secagg.SecAggError)
