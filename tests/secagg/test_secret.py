"""Secrets do not print, pickle, copy or compare."""

import copy
import pickle
from dataclasses import fields

import pytest

from gradveil.parties import KeyRoleError
from secagg import Client, Contribute, Outgoing, SecretExposedError
from secagg.agreement import KeyPair
from secagg.masking import MaskKey
from secagg.messages import EncryptedShares, MaskedInput, RoutedShares, UnmaskShares
from secagg.sealing import SharePair
from tests.secagg.rounds import LENGTH, MALICIOUS, Round, config, identity, vector

STEPS = ("keys", "shares", "ready", "vectors", "confirmations")


def states():
    """A client's state after each of its steps that leaves a secret behind."""
    return [Round(adversary=MALICIOUS).to(step).clients["ann"].state for step in STEPS]


HOLDERS = [
    KeyPair.generate(),
    MaskKey(bytes(32)),
    SharePair(bytes(33), bytes(33)),
    Client("ann", config()),
    *states(),
]


@pytest.mark.parametrize("holder", HOLDERS, ids=lambda holder: type(holder).__name__)
def test_nothing_is_printed(holder):
    assert repr(holder) == str(holder) == f"{type(holder).__name__}(redacted)"


@pytest.mark.parametrize("holder", HOLDERS, ids=lambda holder: type(holder).__name__)
@pytest.mark.parametrize("leak", [pickle.dumps, copy.copy, copy.deepcopy])
def test_nothing_is_pickled_or_copied(holder, leak):
    with pytest.raises(SecretExposedError, match="keep it in the process"):
        leak(holder)


def test_an_identity_is_not_pickled_either():
    with pytest.raises(KeyRoleError):
        pickle.dumps(identity("ann"))
    assert "redacted" in repr(identity("ann"))


def test_equal_secrets_do_not_compare_equal():
    assert SharePair(bytes(33), bytes(33)) != SharePair(bytes(33), bytes(33))
    assert KeyPair.from_secret(bytes(32)) != KeyPair.from_secret(bytes(32))


def test_a_client_forgets_what_it_no_longer_needs():
    assert [{field.name for field in fields(state)} for state in states()] == [
        {"encryption", "masking"},
        {"cohort", "encryption", "masking", "seed", "kept"},
        {"cohort", "masking", "seed", "peers", "shares"},
        {"cohort", "peers", "shares"},
        {"cohort", "peers", "shares", "survivors"},
    ]


def test_no_vector_share_or_payload_is_printed():
    run = Round().to("answers")
    header, size = run.header, 4 * (LENGTH + 1)
    messages = [
        EncryptedShares.from_bytes(run.sent["shares"]["ann"], header),
        RoutedShares.from_bytes(run.told["routed"]["ann"], header),
        UnmaskShares.from_bytes(run.sent["answers"]["ann"], header),
        MaskedInput.from_bytes(run.sent["vectors"]["ann"], header, size),
    ]
    for message in messages:
        assert "sealed=" not in repr(message)
        assert "shares=" not in repr(message)
        assert "packed=" not in repr(message)
    assert "vector" not in repr(Contribute(vector("ann")))
    assert "payload" not in repr(Outgoing("ann", b"x"))
