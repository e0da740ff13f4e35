"""Small networks and pictures to plan for, made once."""

import pytest

from gradveil.planning import Named, Threat, Training
from gradveil.planning.building import Builder
from tests.simulation.conftest import write_blobs

SMALL, NORMED = "tests.planning.networks:small", "tests.planning.networks:normed"

ALONE = Threat(clients=6, dropout=0.17, corrupt=0.0, max_weight=50)
"""A server without help."""

COLLUDING = Threat(clients=6, dropout=0.17, corrupt=0.17, max_weight=50)
"""One client may vanish, another tells what it knows."""

READABLE = Threat(clients=6, dropout=0.17, corrupt=0.0, max_weight=50, readable=True)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    return write_blobs(tmp_path_factory.mktemp("pictures") / "blobs.npz")


@pytest.fixture(scope="session")
def named(pictures):
    return Named(model=SMALL, data=f"npz:{pictures}", seed=3)


@pytest.fixture(scope="session")
def subject(named):
    return named.subject(Training())


@pytest.fixture(scope="session")
def normed(pictures):
    return Named(model=NORMED, data=f"npz:{pictures}", seed=3).subject(Training(rate=0.01))


def builder(subject, threat, error=0.01, **fields):
    return Builder(subject, threat, error, ("packed", "ckks"), **fields)
