import copy
import pickle

import numpy as np
import pytest

from gradveil.exchange import wire
from gradveil.exchange.errors import WireError
from he import CkksParams, ClientKey, KeyRoleError, ServerKey, _seal, decrypt, encrypt

OTHER = CkksParams(max_clients=32)


@pytest.fixture
def saved(key, tmp_path):
    path = tmp_path / "keys" / "client.key"
    key.save(path)
    return path


def forged(kind, params, material):
    return wire.pack(kind, 1, [params.hash, material])


def test_saved_key_is_private_and_opens_the_same_frames(key, params, saved, binding):
    loaded = ClientKey.load(saved, params)
    frame = encrypt(key, np.ones(3), client="a", binding=binding)
    assert saved.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in saved.parent.iterdir()] == [saved.name]
    assert decrypt(loaded, frame, binding=binding, min_contributors=1).tolist() == [1, 1, 1]
    assert loaded != key


def test_failed_save_leaves_nothing_behind(key, tmp_path):
    target = tmp_path / "client.key"
    target.mkdir()
    with pytest.raises(OSError, match="directory"):
        key.save(target)
    assert list(tmp_path.iterdir()) == [target]


def test_key_file_that_others_may_read_is_refused(params, saved):
    saved.chmod(0o644)
    with pytest.raises(KeyRoleError, match="chmod 600"):
        ClientKey.load(saved, params)


@pytest.mark.parametrize("cut", [0, 1, 100, -1])
def test_truncated_key_file_is_refused(params, saved, cut):
    saved.write_bytes(saved.read_bytes()[:cut])
    with pytest.raises(WireError):
        ClientKey.load(saved, params)


def test_damaged_or_oversized_key_file_is_refused(key, params, saved):
    saved.write_bytes(forged("he-client-key", params, b"x" * 1000))
    with pytest.raises(WireError, match="damaged"):
        ClientKey.load(saved, params)
    saved.write_bytes(b"\0" * 10_000_000)
    with pytest.raises(WireError, match="exceed the limit"):
        ClientKey.load(saved, params)


def test_key_of_other_parameters_is_refused(key, params, saved, server_key):
    with pytest.raises(WireError, match="other parameters"):
        ClientKey.load(saved, OTHER)
    with pytest.raises(WireError, match="other parameters"):
        ServerKey.from_bytes(server_key.to_bytes(), OTHER)
    lying = forged(
        "he-server-key", params, _seal.public_material(CkksParams(poly_degree=8192, max_clients=8))
    )
    with pytest.raises(WireError, match="does not fit"):
        ServerKey.from_bytes(lying, params)


def test_client_key_without_a_secret_is_refused(params, saved):
    saved.write_bytes(forged("he-client-key", params, _seal.public_material(params)))
    with pytest.raises(KeyRoleError, match="no secret key"):
        ClientKey.load(saved, params)


def test_server_key_refuses_a_secret(key, params, saved):
    secret = _seal.serialize(key._context, secret=True)
    with pytest.raises(KeyRoleError, match="holds a secret key"):
        ServerKey.from_bytes(forged("he-server-key", params, secret), params)
    with pytest.raises(KeyRoleError, match="holds a secret key"):
        ServerKey(params, secret)
    with pytest.raises(WireError, match="expected a he-server-key"):
        ServerKey.from_bytes(saved.read_bytes(), params)


def test_server_key_cannot_decrypt(key, server_key, params):
    blob = _seal.encrypt_chunk(key._context, [1.0] * params.slots)
    vector = _seal.load_chunk(server_key._context, blob, params)
    with pytest.raises(ValueError, match="secret_key"):
        vector.decrypt()
    with pytest.raises(ValueError, match="Secret"):
        server_key._context.data.secret_key()


def test_server_keys_of_two_secrets_are_the_same_small_bytes(server_key, params):
    other = ClientKey.generate(params).server_key()
    assert server_key.to_bytes() == other.to_bytes()
    assert ServerKey.from_bytes(server_key.to_bytes(), params).to_bytes() == server_key.to_bytes()
    assert len(server_key.to_bytes()) < 200


def test_representations_show_no_secret(key, server_key):
    assert "redacted" in repr(key)
    assert len(repr(key)) < 200
    assert len(repr(server_key)) < 200


@pytest.mark.parametrize("leak", [pickle.dumps, copy.copy, copy.deepcopy])
def test_client_key_cannot_be_pickled_or_copied(key, leak):
    with pytest.raises(KeyRoleError, match="pickled or copied"):
        leak(key)


def test_two_keys_never_compare_equal(key, params):
    assert key == key
    assert ClientKey.generate(params) != key
