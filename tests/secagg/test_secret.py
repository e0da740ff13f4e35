"""Secrets do not print, pickle, copy or compare."""

import copy
import pickle
from dataclasses import fields, is_dataclass

import pytest

from secagg import Client, SecretExposedError
from secagg.agreement import KeyPair
from secagg.masking import MaskKey
from secagg.sealing import SharePair
from tests.secagg.rounds import Round, config


def states():
    """A client after each of its steps."""
    for step in ("advertised", "shared", "ready", "masked", "answered"):
        yield getattr(Round(), step)().clients["ann"]


HOLDERS = [
    KeyPair.generate(),
    MaskKey(bytes(32)),
    SharePair(bytes(33), bytes(33)),
    Client("ann", config()),
    *states(),
    *(client._state for client in list(states())[:-1]),
]


@pytest.mark.parametrize("holder", HOLDERS, ids=lambda holder: type(holder).__name__)
def test_nothing_is_printed(holder):
    assert repr(holder) == str(holder) == f"{type(holder).__name__}(redacted)"


@pytest.mark.parametrize("holder", HOLDERS, ids=lambda holder: type(holder).__name__)
@pytest.mark.parametrize("leak", [pickle.dumps, copy.copy, copy.deepcopy])
def test_nothing_is_pickled_or_copied(holder, leak):
    with pytest.raises(SecretExposedError, match="keep it in the process"):
        leak(holder)


def test_equal_secrets_do_not_compare_equal():
    assert SharePair(bytes(33), bytes(33)) != SharePair(bytes(33), bytes(33))
    assert KeyPair.from_secret(bytes(32)) != KeyPair.from_secret(bytes(32))


def kept(state):
    return {field.name for field in fields(state)} if is_dataclass(state) else set()


def test_a_client_forgets_what_it_no_longer_needs():
    held = [kept(client._state) for client in states()]
    assert held == [
        {"encryption", "masking"},
        {"roster", "encryption", "masking", "seed", "kept"},
        {"roster", "self_mask", "pair_masks", "shares"},
        {"roster", "shares"},
        set(),
    ]
