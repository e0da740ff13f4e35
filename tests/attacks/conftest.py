import pytest

from gradveil.data import load
from tests.attacks.cases import images_of, mlp, network, seen, update_of


@pytest.fixture(scope="session")
def tiny():
    """A sigmoid network of 36 pixels, 8 hidden units and 4 classes."""
    return mlp()


@pytest.fixture(scope="session")
def tiny_update(tiny):
    return update_of(tiny, images_of(tiny), [2])


@pytest.fixture(scope="session")
def tiny_observation(tiny, tiny_update):
    return seen(tiny, tiny_update)


@pytest.fixture(scope="session")
def digits():
    return load("mnist5k")


@pytest.fixture(scope="session")
def lenet():
    """The network of the gradient-leakage literature on digits."""
    return network("lenet", (1, 28, 28))
