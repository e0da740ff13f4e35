import copy
import json
import pickle
import secrets

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from hypothesis import given
from hypothesis import strategies as st

from gradveil.exchange import wire
from gradveil.exchange.errors import GradveilError, WireError
from he import (
    CkksParams,
    ClientKey,
    Decryptor,
    Encryption,
    InsecureParametersError,
    KeyRoleError,
    PackedParams,
    ParametersError,
    PublicKey,
    ServerKey,
    TensealVectorParams,
)
from he.keys.scope import Scope
from tests.he.parties import ANN, BOB, ROSTER, aggregate, binding, server, upload

PASSPHRASE = "correct horse"  # noqa: S105
PUBLIC = Encryption.PUBLIC_KEY


def material(key):
    return key._secret


@pytest.fixture
def saved(shared_key, tmp_path):
    path = tmp_path / "keys" / "client.key"
    shared_key.save(path)
    return path


@pytest.fixture(scope="module")
def sealed_bytes(shared_key, tmp_path_factory):
    path = tmp_path_factory.mktemp("sealed") / "client.key"
    shared_key.save(path, PASSPHRASE)
    return path.read_bytes()


@pytest.fixture
def sealed(sealed_bytes, tmp_path):
    return private(tmp_path / "sealed.key", sealed_bytes)


def private(path, data):
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def file_fields(key):
    return [*key.scope.fields(), material(key)]


def same(first, second):
    return first.scope == second.scope and material(first) == material(second)


def test_a_saved_key_is_private_and_comes_back(key, tmp_path):
    path = tmp_path / "new folder" / "client.key"
    key.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert same(ClientKey.load(path), key)


def test_a_loaded_key_opens_what_the_first_one_encrypted(shared_key, saved):
    data = aggregate(shared_key, np.ones((2, 3)))
    assert Decryptor(ClientKey.load(saved), ROSTER).decrypt(data, binding(3)).values.tolist() == [2, 2, 2]


def test_saving_again_replaces_the_file_and_its_mode(shared_key, saved):
    saved.write_bytes(b"old")
    saved.chmod(0o644)
    shared_key.save(saved)
    assert saved.stat().st_mode & 0o777 == 0o600
    assert same(ClientKey.load(saved), shared_key)


def test_a_failed_save_leaves_nothing_behind(shared_key, tmp_path):
    target = tmp_path / "client.key"
    target.mkdir()
    with pytest.raises(OSError, match="directory"):
        shared_key.save(target)
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o601, 0o610])
def test_a_file_that_others_may_read_is_refused(saved, mode):
    saved.chmod(mode)
    with pytest.raises(KeyRoleError, match="chmod 600"):
        ClientKey.load(saved)


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(FileNotFoundError):
        ClientKey.load(tmp_path / "none")


def test_a_sealed_key_opens_with_its_passphrase_only(shared_key, sealed):
    assert material(shared_key)[:64] not in sealed.read_bytes()
    assert shared_key.scope.job.encode() not in sealed.read_bytes()
    assert same(ClientKey.load(sealed, PASSPHRASE), shared_key)
    with pytest.raises(KeyRoleError, match="another passphrase"):
        ClientKey.load(sealed, PASSPHRASE + " ")
    with pytest.raises(KeyRoleError, match="give its passphrase"):
        ClientKey.load(sealed)


def test_a_sealed_file_is_as_documented(shared_key, sealed_bytes):
    salt, cost, nonce, body = wire.unpack(
        sealed_bytes, "sealed:he-client-key", 1, (bytes, int, bytes, bytes), max_bytes=2**23
    )
    assert (len(salt), cost, len(nonce)) == (16, 17, 12)
    key = Scrypt(salt=salt, length=32, n=2**17, r=8, p=1).derive(PASSPHRASE.encode())
    plain = AESGCM(key).decrypt(nonce, body, b"he-client-key")
    assert plain == wire.pack("he-client-key", 1, file_fields(shared_key))


def test_two_seals_of_one_key_share_no_byte_of_salt(shared_key, sealed_bytes, tmp_path):
    shared_key.save(tmp_path / "again", PASSPHRASE)
    first, second = (
        wire.unpack(data, "sealed:he-client-key", 1, (bytes, int, bytes, bytes), max_bytes=2**23)
        for data in (sealed_bytes, (tmp_path / "again").read_bytes())
    )
    assert first[0] != second[0]
    assert first[2] != second[2]
    assert first[3] != second[3]


def test_a_changed_sealed_file_is_refused(sealed, sealed_bytes):
    changed = sealed_bytes[:-5] + bytes([sealed_bytes[-5] ^ 1]) + sealed_bytes[-4:]
    with pytest.raises(KeyRoleError, match="or a changed file"):
        ClientKey.load(private(sealed, changed), PASSPHRASE)


@pytest.mark.parametrize("cost", [16, 21, 10**6, -1, 0])
def test_a_seal_of_unusual_cost_is_refused_before_it_is_paid(tmp_path, cost):
    data = wire.pack("sealed:he-client-key", 1, [bytes(16), cost, bytes(12), bytes(64)])
    with pytest.raises(KeyRoleError, match="unusual settings"):
        ClientKey.load(private(tmp_path / "key", data), PASSPHRASE)


def test_a_sealed_file_of_another_kind_is_refused(tmp_path):
    data = wire.pack("sealed:identity", 1, [bytes(16), 17, bytes(12), bytes(64)])
    with pytest.raises(WireError, match="expected a he-client-key"):
        ClientKey.load(private(tmp_path / "key", data), PASSPHRASE)


@pytest.mark.parametrize("cut", [0, 1, 10, 100, 1000, -1])
def test_a_truncated_file_is_refused(saved, cut):
    saved.write_bytes(saved.read_bytes()[:cut])
    with pytest.raises(WireError):
        ClientKey.load(saved)


def test_an_oversized_or_foreign_file_is_refused(shared_key, holder_key, saved):
    for data, reason in (
        (bytes(2**23 + 1), "exceed the limit|not decodable|no gradveil"),
        (saved.read_bytes() + b"\0", "trailing"),
        (shared_key.server_key().to_bytes(), "expected a he-client-key"),
        (holder_key.public_key().to_bytes(), "expected a he-client-key"),
        (wire.pack("he-client-key", 2, file_fields(shared_key)), "upgrade"),
        (wire.pack("he-client-key", 1, file_fields(shared_key)[:-1]), "3 fields instead of 4"),
        (b"-----BEGIN PRIVATE KEY-----", "."),
    ):
        with pytest.raises(WireError, match=reason):
            ClientKey.load(private(saved, data))


def test_a_changed_field_is_refused(shared_key, saved):
    described, job, key_id, secret = file_fields(shared_key)
    other = json.dumps(PackedParams(poly_degree=8192).describe())
    weak = json.dumps(PackedParams().describe() | {"poly_degree": 2048})
    for fields, error in (
        ([described, "", key_id, secret], WireError),
        ([described, "a\nb", key_id, secret], WireError),
        ([described, job, key_id[:-1], secret], WireError),
        ([described, job, key_id, secret[:-1]], WireError),
        ([described, job, key_id, secret + b"\0"], WireError),
        ([described, job, key_id, b"\xff" * len(secret)], WireError),
        (["{", job, key_id, secret], WireError),
        (["[]", job, key_id, secret], WireError),
        (["{}", job, key_id, secret], ParametersError),
        ([other, job, key_id, secret], WireError),
        ([weak, job, key_id, secret], InsecureParametersError),
    ):
        with pytest.raises(error):
            ClientKey.load(private(saved, wire.pack("he-client-key", 1, fields)))


def test_every_key_has_an_identifier_and_a_secret_of_its_own():
    keys = [ClientKey.generate(PackedParams(), "job") for _ in range(3)]
    assert len({key.scope.key_id for key in keys}) == 3
    assert len({material(key) for key in keys}) == 3
    assert len({key.scope.job_hash for key in keys}) == 1
    assert ClientKey.generate(PackedParams(), "other").scope.job_hash != keys[0].scope.job_hash
    assert keys[0] != keys[1]
    assert keys[0] == keys[0]


@pytest.mark.parametrize("job", ["", "a\nb", "x" * 201])
def test_a_job_has_a_printable_name(job):
    with pytest.raises(WireError, match="rename"):
        ClientKey.generate(PackedParams(), job)


def pieces(secret):
    """Parts of the secret, so that no excerpt of it goes unseen either."""
    return [secret[start : start + 12] for start in range(0, len(secret) - 12, 997)]


def test_server_and_public_keys_hold_no_byte_of_the_secret(key, holder_key):
    server_key, public = key.server_key(), holder_key.public_key()
    for owner, other in ((key, server_key), (holder_key, public)):
        shown = other.to_bytes() + repr(vars(other)).encode()
        assert not [piece for piece in pieces(material(owner)) if piece in shown]
        assert material(owner) not in vars(other).values()


def test_a_server_key_is_small_and_has_no_room_for_a_secret(key):
    server = key.server_key()
    assert list(vars(server)) == ["scope"]
    assert len(server.to_bytes()) < 500
    again = ServerKey.from_bytes(server.to_bytes())
    assert again.scope == key.scope
    assert again.to_bytes() == server.to_bytes()
    stuffed = wire.pack("he-server-key", 1, [*key.scope.fields(), material(key)])
    with pytest.raises(WireError):
        ServerKey.from_bytes(stuffed)


def test_representations_show_no_secret(key, encrypting):
    for shown in (repr(key), str(key), repr(key.server_key()), repr(encrypting), repr([key])):
        assert len(shown) < 500
        for piece in pieces(material(key)):
            assert repr(piece)[2:-1] not in shown
            assert piece.hex() not in shown
    assert "redacted" in repr(key)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_client_key_cannot_be_pickled(key, protocol):
    with pytest.raises(KeyRoleError, match="pickled or copied"):
        pickle.dumps(key, protocol)


@pytest.mark.parametrize("leak", [copy.copy, copy.deepcopy])
def test_a_client_key_cannot_be_copied(key, leak):
    with pytest.raises(KeyRoleError, match="pickled or copied"):
        leak(key)


def test_a_public_key_encrypts_and_cannot_decrypt(holder_key):
    public = holder_key.public_key()
    assert upload(public, [1.0, -1.0])
    assert not hasattr(public, "decryptor")
    assert not hasattr(public, "save")
    assert public.to_bytes() != holder_key.public_key().to_bytes()


def test_public_keys_of_one_secret_encrypt_for_it(holder_key):
    first, second = holder_key.public_key(), PublicKey.from_bytes(holder_key.public_key().to_bytes())
    total = server(holder_key, 2)
    total.add(upload(first, [1.0, -0.5], ANN))
    total.add(upload(second, [0.25, -0.5], BOB))
    assert Decryptor(holder_key, ROSTER).decrypt(total.close(), binding(2)).values.tolist() == [1.25, -1]


def test_key_roles_follow_the_parameters(shared_key, holder_key):
    with pytest.raises(KeyRoleError, match=r"encrypt with client_key\.public_key"):
        upload(holder_key, [1.0])
    with pytest.raises(KeyRoleError, match="set encryption"):
        shared_key.public_key()
    with pytest.raises(KeyRoleError, match="set encryption"):
        PublicKey(shared_key.scope, b"")


PUBLISHING = {
    "packed": PackedParams(modulus_bits=54, fields=1, field_bits=30, encryption=PUBLIC),
    "ckks": CkksParams(scale_bits=44, step_bits=20, max_abs=4.0, encryption=PUBLIC),
    "tenseal": TensealVectorParams.maskcrypt(),
}


@pytest.mark.parametrize("params", PUBLISHING.values(), ids=PUBLISHING)
def test_public_keys_come_back_from_their_bytes(params):
    public = ClientKey.generate(params, "job").public_key()
    again = PublicKey.from_bytes(public.to_bytes())
    assert again.to_bytes() == public.to_bytes()
    assert again.scope == public.scope
    assert again.params == params


@pytest.fixture(scope="module")
def public_bytes(holder_key):
    return holder_key.public_key().to_bytes()


def refused_or_harmless(kind, data):
    try:
        kind.from_bytes(data)
    except GradveilError:
        return


@given(st.data())
def test_truncated_keys_are_typed_errors(public_bytes, data):
    cut = data.draw(st.integers(0, len(public_bytes) - 1))
    with pytest.raises(WireError):
        PublicKey.from_bytes(public_bytes[:cut])


@given(st.data())
def test_flipped_public_keys_are_typed_errors_or_other_keys(public_bytes, data):
    place = data.draw(st.integers(0, 600) | st.integers(0, len(public_bytes) - 1))
    flipped = bytearray(public_bytes)
    flipped[place] ^= 1 << data.draw(st.integers(0, 7))
    refused_or_harmless(PublicKey, bytes(flipped))


@given(st.data())
def test_damaged_server_keys_are_typed_errors_or_other_keys(shared_key, data):
    good = bytearray(shared_key.server_key().to_bytes())
    start = data.draw(st.integers(0, len(good)))
    noise = data.draw(st.binary(max_size=20))
    good[start : start + data.draw(st.integers(0, 20))] = noise
    refused_or_harmless(ServerKey, bytes(good))


@given(st.binary(max_size=200))
def test_random_bytes_are_no_key(data):
    for kind in (PublicKey, ServerKey):
        with pytest.raises(WireError):
            kind.from_bytes(data)


@pytest.mark.parametrize(
    "described",
    [
        "",
        "null",
        "[" * 3000,
        '{"a":' * 600,
        "NaN",
        '{"scheme": "packed", "max_abs": NaN}',
        "9" * 3500,
        '"packed"',
    ],
    ids=lambda text: text[:12],
)
@pytest.mark.parametrize("kind", [PublicKey, ServerKey])
def test_hostile_parameters_in_a_key_are_typed_errors(kind, described):
    name = "he-public-key" if kind is PublicKey else "he-server-key"
    fields = [described, "job", bytes(16)] + ([b""] if kind is PublicKey else [])
    with pytest.raises(GradveilError):
        kind.from_bytes(wire.pack(name, 1, fields))


def test_oversized_keys_are_refused_unparsed():
    for kind, size in ((PublicKey, 2**23 + 1), (ServerKey, 4097)):
        with pytest.raises(WireError, match="exceed the limit"):
            kind.from_bytes(bytes(size))


@pytest.mark.parametrize("damage", ["short", "long", "not residues"])
def test_public_material_of_another_form_is_refused(holder_key, damage):
    good = holder_key.public_key()._material
    bad = {"short": good[:-1], "long": good + b"\0", "not residues": b"\xff" * len(good)}[damage]
    with pytest.raises(WireError):
        PublicKey(holder_key.scope, bad)


def test_a_client_key_refuses_material_of_another_form(shared_key):
    for bad in (b"", secrets.token_bytes(100), b"\xff" * len(material(shared_key))):
        with pytest.raises(WireError):
            ClientKey(shared_key.scope, bad)


@given(job=st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), min_size=1, max_size=200))
def test_any_printable_job_survives(job):
    scope = Scope.fresh(PackedParams(), job)
    assert ServerKey.from_bytes(ServerKey(scope).to_bytes()).scope == scope
