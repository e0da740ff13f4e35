import hashlib

import pytest

from he import CkksParams, ClientKey

BINDING = hashlib.sha256(b"job 1, round 1").digest()


@pytest.fixture(scope="session")
def params():
    return CkksParams()


@pytest.fixture(scope="session")
def key(params):
    return ClientKey.generate(params)


@pytest.fixture(scope="session")
def server_key(key):
    return key.server_key()


@pytest.fixture(scope="session")
def binding():
    return BINDING
