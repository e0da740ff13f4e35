"""`gradveil keys show`: what it says of each kind of file, and what it never says."""

import numpy as np
import pytest

from gradveil.exchange import wire
from he import CkksParams, ClientKey, Identity, Roster
from tests.cli.key_files import PASSPHRASE, names, private


@pytest.mark.parametrize(("name", "what"), [("client.key", "client key"), ("server.key", "server key")])
def test_keys_are_shown_with_what_they_can_do(cli, shared, name, what):
    facts, params = cli.shows(shared / name), CkksParams()
    scope = ClientKey.load(shared / "client.key").scope
    assert (facts["what"], facts["secret"]) == (what, name == "client.key")
    assert (facts["job"], facts["key_id"], facts["scheme"]) == ("job 1", scope.key_id.hex(), "ckks")
    assert facts["security_bits"] == params.security_bits
    assert {"scheme": "ckks", **facts["parameters"]} == params.describe()
    assert (facts["capacity"], facts["noise_capacity"]) == (params.capacity, params.noise_capacity)
    assert facts["error_bound_of_full_sum"] == params.error_bound(64)
    assert facts["upload_bytes_per_value"] * 10**6 == params.upload_bytes(10**6)
    assert facts["sum_bytes_per_value"] * 10**6 == params.sum_bytes(10**6)


def test_a_public_key_is_shown_with_a_fingerprint(cli, public):
    facts = cli.shows(public / "public.key")
    assert (facts["what"], facts["secret"]) == ("public key", False)
    assert facts["parameters"]["encryption"] == "public-key"
    assert len(bytes.fromhex(facts["fingerprint"])) == 32


def test_roster_and_identities_agree_on_fingerprints(cli, shared):
    roster = cli.shows(shared / "roster")
    found = {name: cli.shows(shared / "identities" / f"{name}.key") for name in ("ann", "bob", "server")}
    prints = {name: facts["fingerprint"] for name, facts in found.items()}
    assert all(facts["what"] == "identity" and facts["secret"] for facts in found.values())
    assert roster["clients"] | roster["server"] == prints
    assert [*roster["clients"]] == ["ann", "bob"]
    assert roster["roster_hash"] == Roster.from_bytes((shared / "roster").read_bytes()).hash.hex()


def test_a_frame_is_shown_as_what_it_claims(cli, frame, shared):
    facts = cli.shows(frame)
    assert (facts["what"], facts["verified"], facts["round"]) == ("frame, upload", False, 3)
    assert (facts["sender"], facts["contributors"], facts["values"]) == ("ann", {"ann": 1}, 5)
    scope = ClientKey.load(shared / "client.key").scope
    assert (facts["key_id"], facts["job"]) == (scope.key_id.hex(), scope.job_hash.hex())


def test_people_read_the_same_facts(cli, shared):
    said, facts = cli.says("show", shared / "roster"), cli.shows(shared / "roster")
    assert f"clients.ann                {facts['clients']['ann']}\n" in said
    assert "secret                     no\n" in said


@pytest.mark.parametrize("name", ["client.key", "identities/ann.key"])
def test_a_sealed_file_is_shown_as_sealed(cli, sealed, name):
    facts = cli.shows(sealed / name)
    assert (facts["secret"], facts["sealed"]) == (True, True)
    assert facts["seal"] == "scrypt N = 2^17, AES-256-GCM"
    assert not {"job", "name", "fingerprint", "key_id"} & facts.keys()


def test_a_sealed_file_is_opened_with_its_passphrase(cli, sealed, passphrase_file):
    facts = cli.shows(sealed / "client.key", "--passphrase-file", passphrase_file)
    assert (facts["sealed"], facts["job"]) == (True, "job 1")
    secret = ClientKey.load(sealed / "client.key", PASSPHRASE)._secret
    assert_absent(str(facts), secret[1000:1032], PASSPHRASE.encode())


def test_another_passphrase_opens_nothing(cli, sealed, tmp_path):
    wrong = private(tmp_path / "wrong", b"wrong")
    command = ["show", sealed / "identities" / "ann.key", "--passphrase-file", wrong]
    cli.refuses(*command, words=["ann.key", "another passphrase"])


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "json"])
def test_no_secret_is_ever_shown(cli, shared, options):
    secret = ClientKey.load(shared / "client.key")._secret
    ann = Identity.load(shared / "identities" / "ann.key").private_bytes()
    said = "".join(cli.says("show", shared / name, *options) for name in names(shared))
    assert_absent(said, secret[1000:1032], ann)


def assert_absent(text, *secrets):
    for secret in secrets:
        assert secret.hex() not in text.lower()
        assert str(secret)[2:-1] not in text
        assert secret.decode("latin-1") not in text


def test_a_secret_that_others_can_read_is_refused(cli, shared, tmp_path):
    path = tmp_path / "client.key"
    path.write_bytes((shared / "client.key").read_bytes())
    path.chmod(0o640)
    cli.refuses("show", path, words=["client.key", "chmod 600"])


@pytest.mark.parametrize("data", [b"", b"\0", b"GVHE", b"\x95\xa8gradveil", bytes(range(256)) * 40], ids=len)
def test_foreign_bytes_are_refused(cli, tmp_path, data):
    cli.refuses("show", private(tmp_path / "foreign", data), words=["foreign: ", "; "])


def test_random_bytes_are_refused(cli, tmp_path):
    rng = np.random.default_rng(0)
    for size in rng.integers(1, 300, 20):
        cli.refuses("show", private(tmp_path / "random", rng.bytes(size)), words=["random: ", "; "])


@pytest.mark.parametrize("name", ["client.key", "server.key", "roster", "identities/ann.key"])
def test_a_part_of_a_file_is_refused(cli, shared, tmp_path, name):
    data = (shared / name).read_bytes()
    for size in (10, 40, len(data) // 2, len(data) - 1):
        cli.refuses("show", private(tmp_path / "part", data[:size]), words=["part: ", "; "])


def test_a_part_of_a_sealed_file_is_refused(cli, sealed, tmp_path):
    data = (sealed / "client.key").read_bytes()
    cli.refuses("show", private(tmp_path / "part", data[:-1]), words=["part: ", "damaged"])


@pytest.mark.parametrize("change", [-1, 1])
def test_a_frame_of_another_length_is_refused(cli, frame, tmp_path, change):
    data = frame.read_bytes() + b"\0"
    cli.refuses("show", private(tmp_path / "part", data[: len(data) - 1 + change]), words=["part: ", "bytes"])


def test_messages_that_are_no_key_material_are_named(cli, tmp_path):
    for kind in ("clear", "sealed:roster"):
        path = private(tmp_path / "message", wire.pack(kind, 1, []))
        cli.refuses("show", path, words=[repr(kind.removeprefix("sealed:")), "give a key file"])


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_what_is_no_file_is_refused(cli, tmp_path, name):
    cli.refuses("show", tmp_path / name, words=[str(tmp_path)])
