import copy
import pickle

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gradveil.exchange.errors import WireError
from gradveil.parties.errors import KeyRoleError
from gradveil.parties.identity import Identity

CONTEXT = b"test v1\0"

# RFC 8032, section 7.1, test 1.
SECRET = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")


@pytest.fixture
def ann():
    return Identity.generate("ann")


def test_public_key_is_that_of_the_standard():
    assert Identity.from_private_bytes("ann", SECRET).public_bytes == PUBLIC


def test_signature_covers_the_context_string(ann):
    signature = ann.sign(b"message", CONTEXT)
    assert len(signature) == 64
    Ed25519PublicKey.from_public_bytes(ann.public_bytes).verify(signature, CONTEXT + b"message")
    plain = Ed25519PrivateKey.from_private_bytes(ann.private_bytes())
    assert signature != plain.sign(b"message")


def test_private_bytes_restore_the_identity(ann):
    restored = Identity.from_private_bytes("ann", ann.private_bytes())
    assert (restored.name, restored.public_bytes) == ("ann", ann.public_bytes)
    assert restored.sign(b"message", CONTEXT) == ann.sign(b"message", CONTEXT)


def test_two_identities_have_two_keys(ann):
    assert ann.private_bytes() != Identity.generate("ann").private_bytes()


def test_text_forms_hide_the_secret(ann):
    for text in (repr(ann), str(ann), f"{ann}"):
        assert text == "Identity('ann', secret redacted)"


@pytest.mark.parametrize("leak", [pickle.dumps, copy.copy, copy.deepcopy])
def test_an_identity_is_neither_pickled_nor_copied(ann, leak):
    with pytest.raises(KeyRoleError, match="private_bytes"):
        leak(ann)


def test_equal_secrets_do_not_compare_equal(ann):
    assert ann != Identity.from_private_bytes("ann", ann.private_bytes())


@pytest.mark.parametrize("attribute", ["name", "public_bytes"])
def test_name_and_key_cannot_be_replaced(ann, attribute):
    with pytest.raises(AttributeError):
        setattr(ann, attribute, "bob")


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_secret_of_another_length_is_refused(size):
    with pytest.raises(WireError, match=f"{size} bytes, not 32"):
        Identity.from_private_bytes("ann", bytes(size))


@pytest.mark.parametrize("name", ["", "x" * 201, "a\nb", "\ud800"])
def test_impossible_names_are_refused(name):
    with pytest.raises(WireError, match="rename it"):
        Identity.generate(name)
