"""Keys come from files on the party's own disk, and errors name the file."""

import pytest

import he
from gradveil.fl import ClientParties, PartiesError, ServerParties
from gradveil.parties import Identity, Roster
from tests.fl.jobs import CKKS, HYBRID, MASKED


@pytest.fixture
def folder(tmp_path):
    """As `gradveil keys new` makes it."""
    clients, server = [Identity.generate(name) for name in ("ann", "bob")], Identity.generate("server")
    key = he.ClientKey.generate(CKKS, "job")
    (tmp_path / "roster").write_bytes(Roster.of(clients, server).to_bytes())
    key.save(tmp_path / "client.key")
    (tmp_path / "server.key").write_bytes(key.server_key().to_bytes())
    for each in (*clients, server):
        each.save(tmp_path / "identities" / f"{each.name}.key")
    return tmp_path


def client(folder, **changes):
    paths = {"identity": folder / "identities" / "ann.key", "roster": folder / "roster"}
    return ClientParties.load(**{**paths, **changes})


def test_a_client_loads_what_it_needs(folder):
    found = client(folder, key=folder / "client.key", ledger=folder / "ledgers" / "ann")
    found.require_fits(HYBRID)
    client(folder).require_fits(MASKED)
    assert found.identity.name == "ann"


def test_a_server_loads_what_it_needs(folder):
    found = ServerParties.load(folder / "roster", folder / "identities" / "server.key", folder / "server.key")
    found.require_fits(HYBRID)
    ServerParties.load(folder / "roster").require_fits(MASKED)


def test_a_sealed_identity_opens_with_its_passphrase(folder):
    words = "correct horse"
    Identity.generate("ann").save(folder / "sealed.key", words)
    assert client(folder, identity=folder / "sealed.key", passphrase=words).identity.name == "ann"
    with pytest.raises(PartiesError, match="passphrase"):
        client(folder, identity=folder / "sealed.key")


@pytest.mark.parametrize("name", ["identity", "roster", "key"])
def test_a_missing_file_is_named(folder, name):
    with pytest.raises(PartiesError, match="nowhere"):
        client(folder, **{name: folder / "nowhere"})


@pytest.mark.parametrize("name", ["roster", "ledger"])
def test_a_damaged_file_is_named(folder, name):
    (folder / "damaged").write_bytes(b"not what it was")
    with pytest.raises(PartiesError, match="damaged"):
        client(folder, **{name: folder / "damaged"})


def test_a_client_key_is_no_server_key(folder):
    with pytest.raises(PartiesError, match=r"client\.key"):
        ServerParties.load(folder / "roster", None, folder / "client.key")


def test_a_file_that_others_may_read_is_refused(folder):
    (folder / "identities" / "ann.key").chmod(0o644)
    with pytest.raises(PartiesError, match="read by others"):
        client(folder)


def test_keys_are_not_printed(folder):
    found = client(folder, key=folder / "client.key")
    assert found.identity.private_bytes().hex() not in repr(found)
    assert "key=" not in repr(found)
