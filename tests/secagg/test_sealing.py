"""Sealed shares open for their receiver in their round, and nowhere else."""

from dataclasses import replace

import pytest

from secagg import TamperedError
from secagg.framing import Header
from secagg.messages import SEALED_BYTES
from secagg.sealing import SharePair, seal, unseal

KEY = bytes(range(32))
HEADER = Header(bytes(16), 1, bytes(32))
PAIR = SharePair(b"s" * 33, b"k" * 33)


def sealed():
    return seal(KEY, PAIR, HEADER, "ann", "bob")


def test_shares_survive():
    opened = unseal(KEY, sealed(), HEADER, "ann", "bob")
    assert (opened.seed, opened.mask_key) == (PAIR.seed, PAIR.mask_key)


def test_the_size_is_what_the_messages_expect():
    assert len(sealed()) == SEALED_BYTES


def test_a_nonce_is_not_repeated():
    assert len({sealed()[:12] for _ in range(50)}) == 50


@pytest.mark.parametrize(
    "place",
    [
        (bytes(32), HEADER, "ann", "bob"),
        (KEY, replace(HEADER, session=b"\x01" * 16), "ann", "bob"),
        (KEY, replace(HEADER, round=2), "ann", "bob"),
        (KEY, replace(HEADER, binding=b"\x01" * 32), "ann", "bob"),
        (KEY, HEADER, "bob", "ann"),
        (KEY, HEADER, "ann", "cid"),
        (KEY, HEADER, "cid", "bob"),
    ],
    ids=["key", "session", "round", "roster", "swapped", "receiver", "sender"],
)
def test_another_place_is_refused(place):
    key, header, sender, receiver = place
    with pytest.raises(TamperedError, match="do not open"):
        unseal(key, sealed(), header, sender, receiver)


@pytest.mark.parametrize("byte", range(SEALED_BYTES))
def test_every_changed_byte_is_noticed(byte):
    body = bytearray(sealed())
    body[byte] ^= 1
    with pytest.raises(TamperedError):
        unseal(KEY, bytes(body), HEADER, "ann", "bob")
