"""Selective CKKS: exact sums of the selection, under a key that only this round's clients hold."""

from dataclasses import replace

import numpy as np
import pytest

import he
from gradveil.defenses import DefenseError, Identity, SelectiveEncryption
from gradveil.exchange import (
    Clear,
    GradveilError,
    Layout,
    LayoutMismatchError,
    Sealed,
    Selection,
    Update,
    WireError,
)

LAYOUT = Layout(("a", "b"), ((40,), (5, 4)))
CLIENTS = ("ann", "bob", "cid")
WEIGHTS = (1, 2, 5)


def selection(seed=0, ratio=0.4):
    return Selection(LAYOUT, np.random.default_rng(seed).random(LAYOUT.size) < ratio, "random")


def updates(scale=1.0):
    vectors = np.random.default_rng(1).normal(0, scale, (3, LAYOUT.size)).astype(np.float32)
    return [Update(LAYOUT, vector, weight) for vector, weight in zip(vectors, WEIGHTS, strict=True)]


def opened(chosen=None, clients=CLIENTS):
    defense = SelectiveEncryption(selection() if chosen is None else chosen)
    return defense.open(clients, LAYOUT, np.random.default_rng(0))


def uploads_in(session):
    return [session.protect(name, update) for name, update in zip(CLIENTS, updates(), strict=True)]


def sealed(message):
    (part,) = [part for part in message.parts if isinstance(part, Sealed)]
    return part


def test_the_selection_and_the_weight_are_sealed_and_the_rest_is_clear():
    upload = uploads_in(opened())[0]
    (clear,) = [part for part in upload.parts if isinstance(part, Clear)]
    assert sealed(upload).coords.tolist() == [*selection().coords, LAYOUT.weight_coord]
    assert clear.coords.tolist() == selection().complement.tolist()
    assert clear.values.tobytes() == updates()[0].contribution()[clear.coords].tobytes()


def test_the_sum_of_the_selection_is_exact_on_the_grid():
    session, step = opened(), he.CkksParams().step * SelectiveEncryption(selection()).max_weight
    mean = session.recover(session.aggregate(uploads_in(session)))
    where = selection().coords
    rounded = [np.rint(update.contribution()[where].astype(np.float64) / step) for update in updates()]
    expected = (sum(rounded) * step / sum(WEIGHTS)).astype(np.float32)
    assert mean.vector[where].tobytes() == expected.tobytes()


def test_the_sum_stays_sealed_in_the_download():
    session = opened()
    download = session.aggregate(uploads_in(session))
    assert sealed(download).coords.tolist() == sealed(uploads_in(opened())[0]).coords.tolist()


def test_every_round_has_a_key_of_its_own():
    first, second = opened(), opened()
    download = first.aggregate(uploads_in(first))
    with pytest.raises(he.FrameError, match="another key"):
        second.recover(download)


def test_equal_updates_are_encrypted_differently():
    session = opened()
    first, second = (session.protect("ann", updates()[0]) for _ in range(2))
    assert sealed(first).payload != sealed(second).payload


def test_an_upload_under_another_selection_is_refused():
    session, other = opened(), opened(selection(seed=7))
    mixed = [*uploads_in(session)[:2], uploads_in(other)[2]]
    with pytest.raises(GradveilError):
        session.aggregate(mixed)


def test_another_clear_slice_is_refused_by_name():
    session = opened()
    uploads = uploads_in(session)
    moved = Clear(selection().complement[:-1], np.zeros(len(selection().complement) - 1, np.float32))
    uploads[1] = replace(uploads[1], parts=(sealed(uploads[1]), moved))
    with pytest.raises(WireError, match="'bob' left other coordinates readable"):
        session.aggregate(uploads)


def test_an_upload_of_another_defense_is_refused():
    session = opened()
    plain = Identity().open(CLIENTS, LAYOUT, np.random.default_rng(0)).protect("bob", updates()[1])
    with pytest.raises(DefenseError, match="another defense"):
        session.aggregate([uploads_in(session)[0], plain])


def test_a_frame_of_somebody_else_is_refused():
    session = opened()
    ann, bob, _ = uploads_in(session)
    stolen = replace(ann, client="cid")
    with pytest.raises(GradveilError, match="cid"):
        session.aggregate([bob, stolen])


def test_an_empty_selection_is_refused():
    with pytest.raises(DefenseError, match="selection is empty"):
        SelectiveEncryption(Selection(LAYOUT, np.zeros(LAYOUT.size, dtype=np.bool_), "random"))


def test_a_selection_of_another_model_is_refused():
    other = Layout(("a",), ((60,),))
    with pytest.raises(LayoutMismatchError):
        SelectiveEncryption(selection()).open(CLIENTS, other, np.random.default_rng(0))


def test_values_beyond_the_parameters_are_refused():
    with pytest.raises(he.CapacityError, match="max_abs"):
        opened().protect("ann", updates(scale=1e5)[0])


def test_a_batch_of_64_is_protected():
    quiet = [Update(LAYOUT, update.vector / 100, 64) for update in updates()]
    session = opened()
    uploads = [session.protect(name, update) for name, update in zip(CLIENTS, quiet, strict=True)]
    assert session.recover(session.aggregate(uploads)).weight == 192


def test_the_claim_says_share_security_and_who_holds_the_key():
    half = np.arange(LAYOUT.size) < LAYOUT.size / 2
    claim = SelectiveEncryption(Selection(LAYOUT, half, "first half")).claim
    assert all(words in claim for words in ("50.0%", "256 bits", "shared key", "plaintext"))


def test_under_a_public_key_clients_hold_no_secret():
    params = he.PackedParams.for_(
        clients=3, value_range=1.0, precision_bits=16, encryption=he.Encryption.PUBLIC_KEY
    )
    defense = SelectiveEncryption(selection(), params)
    assert "key holder" in defense.claim
    assert defense.name == "selective_packed"
    session = defense.open(CLIENTS, LAYOUT, np.random.default_rng(0))
    assert session.recover(session.aggregate(uploads_in(session))).weight == sum(WEIGHTS)


def test_a_changed_sum_is_refused():
    session = opened()
    download = session.aggregate(uploads_in(session))
    spoiled = bytearray(sealed(download).payload)
    spoiled[-1] ^= 1
    lying = Sealed(sealed(download).coords, sealed(download).scheme, bytes(spoiled))
    parts = tuple(lying if isinstance(part, Sealed) else part for part in download.parts)
    with pytest.raises(he.FrameError, match="signed"):
        session.recover(replace(download, parts=parts))


def test_a_second_sum_of_the_round_is_refused():
    session = opened()
    uploads = uploads_in(session)
    session.recover(session.aggregate(uploads))
    with pytest.raises(he.ReplayError, match="subtraction"):
        session.recover(session.aggregate(uploads[:2]))
