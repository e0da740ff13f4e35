"""Keys as `gradveil keys new` makes them, once for all tests that only read them."""

import numpy as np
import pytest

from he import Binding, ClientKey, Identity, encrypt
from tests.cli.key_files import PASSPHRASE, Cli, made, private


@pytest.fixture
def cli(monkeypatch, capsys):
    return Cli(monkeypatch, capsys)


@pytest.fixture(scope="session")
def passphrase_file(tmp_path_factory):
    return private(tmp_path_factory.mktemp("passphrase") / "file", f"{PASSPHRASE}\n".encode())


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """Keys under a shared key, with parties."""
    return made(tmp_path_factory.mktemp("shared") / "keys", "--party", "ann", "--party", "bob")


@pytest.fixture(scope="session")
def public(tmp_path_factory):
    """Keys under a public key, without parties."""
    return made(tmp_path_factory.mktemp("public") / "keys", "--scheme", "packed", "--public-key")


@pytest.fixture(scope="session")
def sealed(tmp_path_factory, passphrase_file):
    out = tmp_path_factory.mktemp("sealed") / "keys"
    return made(out, "--party", "ann", "--passphrase-file", passphrase_file)


@pytest.fixture(scope="session")
def frame(shared, tmp_path_factory):
    """An upload of ann's."""
    key, ann = ClientKey.load(shared / "client.key"), Identity.load(shared / "identities" / "ann.key")
    binding = Binding(round=3, layout=bytes(32), selection=bytes(32), count=5)
    path = tmp_path_factory.mktemp("frame") / "upload"
    path.write_bytes(encrypt(key, np.zeros(5), identity=ann, binding=binding))
    return path
