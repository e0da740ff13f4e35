"""An identity's file is for its owner, comes back as it was, and opens with no other passphrase."""

import stat
from itertools import pairwise

import pytest

from gradveil.exchange import wire
from gradveil.exchange.errors import WireError
from gradveil.parties import private_files
from gradveil.parties.errors import KeyRoleError
from gradveil.parties.identity import Identity
from he import ClientKey, PackedParams


@pytest.fixture
def ann():
    return Identity.generate("ann")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ann.key"


def assert_same(found, ann):
    assert (found.name, found.private_bytes()) == (ann.name, ann.private_bytes())


def test_an_identity_survives_its_file(ann, path):
    ann.save(path)
    assert_same(Identity.load(path), ann)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_sealed_identity_opens_with_its_passphrase_only(ann, path):
    ann.save(path, "secret")
    data = path.read_bytes()
    assert ann.private_bytes() not in data
    assert private_files.kind_of(data) == ("identity", True)
    assert_same(Identity.load(path, "secret"), ann)
    with pytest.raises(KeyRoleError, match="another passphrase"):
        Identity.load(path, "Secret")
    with pytest.raises(KeyRoleError, match="give its passphrase"):
        Identity.load(path)


def test_a_passphrase_for_an_open_file_is_not_needed(ann, path):
    ann.save(path)
    assert_same(Identity.load(path, "unused"), ann)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_can_read_is_refused(ann, path, mode):
    ann.save(path)
    path.chmod(mode)
    with pytest.raises(KeyRoleError, match="chmod 600"):
        Identity.load(path)


def test_another_key_is_no_identity(path):
    ClientKey.generate(PackedParams(), "job").save(path)
    with pytest.raises(WireError, match="expected a identity"):
        Identity.load(path)


def test_a_client_key_is_not_read_from_an_identity(ann, path):
    ann.save(path)
    with pytest.raises(WireError, match="expected a he-client-key"):
        ClientKey.load(path)


@pytest.mark.parametrize(
    "fields", [["", bytes(32)], ["ann", bytes(31)], ["ann"], [b"ann", bytes(32)]], ids=str
)
def test_impossible_fields_are_refused(path, fields):
    private_files.save(path, "identity", fields, None)
    with pytest.raises(WireError):
        Identity.load(path)


def test_every_part_of_a_file_is_refused(ann, path):
    ann.save(path)
    data = path.read_bytes()
    for size in range(len(data)):
        path.write_bytes(data[:size])
        with pytest.raises(WireError):
            Identity.load(path)


def test_an_oversized_file_is_refused(ann, path):
    ann.save(path)
    with path.open("ab") as file:
        file.truncate(2**23 + 1)
    with pytest.raises(WireError, match="exceed the limit"):
        Identity.load(path)


def resealed(path, **changes):
    names = ("salt", "cost", "nonce", "body")
    values = wire.unpack(path.read_bytes(), "sealed:identity", 1, (bytes, int, bytes, bytes), max_bytes=1000)
    fields = dict(zip(names, values, strict=True)) | changes
    path.write_bytes(wire.pack("sealed:identity", 1, [*fields.values()]))


@pytest.mark.parametrize("changes", [{"cost": 10}, {"cost": 40}, {"cost": -1}, {"nonce": bytes(8)}], ids=str)
def test_unusual_settings_are_refused_before_they_cost_time(ann, path, changes, monkeypatch):
    monkeypatch.setattr(private_files, "_derive", lambda *_: bytes(32))
    ann.save(path, "secret")
    resealed(path, **changes)
    with pytest.raises(KeyRoleError, match="unusual settings"):
        Identity.load(path, "secret")


@pytest.mark.parametrize("body", [b"", bytes(15), bytes(100)], ids=len)
def test_another_body_does_not_open(ann, path, body, monkeypatch):
    monkeypatch.setattr(private_files, "_derive", lambda *_: bytes(32))
    ann.save(path, "secret")
    resealed(path, body=body)
    with pytest.raises(KeyRoleError, match="changed file"):
        Identity.load(path, "secret")


def test_a_seal_is_bound_to_its_kind(ann, path, monkeypatch):
    monkeypatch.setattr(private_files, "_derive", lambda *_: bytes(32))
    ann.save(path, "secret")
    data = path.read_bytes().replace(b"sealed:identity", b"sealed:idontity")
    path.write_bytes(data)
    with pytest.raises(KeyRoleError, match="changed file"):
        private_files.load(path, "idontity", (str, bytes), "secret")


def test_two_seals_of_one_identity_share_nothing(ann, path, monkeypatch):
    monkeypatch.setattr(private_files, "_derive", lambda *_: bytes(32))
    seals = []
    for _ in range(3):
        ann.save(path, "secret")
        parts = wire.unpack(
            path.read_bytes(), "sealed:identity", 1, (bytes, int, bytes, bytes), max_bytes=1000
        )
        seals.append({part for part in parts if isinstance(part, bytes)})
    assert all(first.isdisjoint(second) for first, second in pairwise(seals))
