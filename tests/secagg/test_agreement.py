"""Key agreement: both sides agree, and every part of the context matters."""

from dataclasses import replace
from itertools import combinations

import pytest

from secagg import TamperedError
from secagg.agreement import KeyPair, Purpose, derive
from secagg.framing import Header

HEADER = Header(bytes(16), 1, bytes(32))
LOW_ORDER = [bytes(32), b"\x01" + bytes(31)]


def test_both_sides_derive_the_same_key():
    ann, bob = KeyPair.generate(), KeyPair.generate()
    one = ann.agree(bob.public, Purpose.PAIR_MASK, HEADER, ("ann", "bob"))
    other = bob.agree(ann.public, Purpose.PAIR_MASK, HEADER, ("bob", "ann"))
    assert one == other
    assert len(one) == 32


def test_every_part_of_the_context_changes_the_key():
    contexts = [
        *((purpose, HEADER, ("a", "b")) for purpose in Purpose),
        (Purpose.PAIR_MASK, replace(HEADER, session=b"\x01" + bytes(15)), ("a", "b")),
        (Purpose.PAIR_MASK, replace(HEADER, round=2), ("a", "b")),
        (Purpose.PAIR_MASK, replace(HEADER, binding=b"\x01" + bytes(31)), ("a", "b")),
        (Purpose.PAIR_MASK, HEADER, ("a", "c")),
        (Purpose.PAIR_MASK, HEADER, ("ab",)),
        (Purpose.PAIR_MASK, HEADER, ("", "ab")),
    ]
    keys = [derive(bytes(32), *context) for context in contexts]
    assert all(one != other for one, other in combinations(keys, 2))


def test_a_rebuilt_secret_gives_the_same_public_key():
    pair = KeyPair.generate()
    assert KeyPair.from_secret(pair.secret()).public == pair.public


@pytest.mark.parametrize("key", LOW_ORDER)
def test_points_of_low_order_are_refused(key):
    with pytest.raises(TamperedError, match="among ann, bob is unusable"):
        KeyPair.generate().agree(key, Purpose.PAIR_MASK, HEADER, ("bob", "ann"))
