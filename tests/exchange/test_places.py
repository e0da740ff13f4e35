"""Coordinates of a message's parts: by agreement, as the rest, or written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradveil.exchange import coords as coord_sets
from gradveil.exchange.errors import WireError
from gradveil.exchange.places import Places

SIZE = 2000
ODD = np.arange(1, SIZE, 2, dtype=np.int64)
EVEN = np.arange(0, SIZE, 2, dtype=np.int64)
HASHED, REST = 33, 1


def written(*parts, agreed=None):
    places = Places(SIZE, agreed)
    return [places.write(part) for part in parts]


def read(*forms, agreed=None):
    places = Places(SIZE, agreed)
    return [places.read(form) for form in forms]


def test_agreed_coordinates_travel_as_a_hash_and_the_rest_as_one_byte():
    forms = written(ODD, EVEN, agreed=ODD)
    assert [len(form) for form in forms] == [HASHED, REST]
    assert [found.tolist() for found in read(*forms, agreed=ODD)] == [ODD.tolist(), EVEN.tolist()]


def test_without_agreement_the_first_part_is_written_out():
    first, second = written(ODD, EVEN)
    assert first == coord_sets.to_bytes(ODD, SIZE)
    assert len(second) == REST


@given(st.lists(st.booleans(), min_size=SIZE, max_size=SIZE), st.booleans())
def test_any_split_comes_back(bits, agree):
    chosen = np.flatnonzero(bits).astype(np.int64)
    rest = np.flatnonzero(~np.array(bits)).astype(np.int64)
    agreed = chosen if agree else None
    found = read(*written(chosen, rest, agreed=agreed), agreed=agreed)
    assert [part.tolist() for part in found] == [chosen.tolist(), rest.tolist()]


def test_a_receiver_that_agreed_on_nothing_refuses():
    with pytest.raises(WireError, match="decode with the job's selection"):
        read(*written(ODD, agreed=ODD))


def test_a_receiver_that_agreed_on_other_coordinates_refuses():
    with pytest.raises(WireError, match="compare the selections"):
        read(*written(ODD, agreed=ODD), agreed=EVEN)


def test_a_longer_form_than_necessary_is_refused():
    long_form = coord_sets.to_bytes(EVEN, SIZE)
    with pytest.raises(WireError, match="canonical"):
        read(*written(ODD), long_form)
    with pytest.raises(WireError, match="canonical"):
        read(long_form, agreed=EVEN)


def test_the_rest_of_nothing_is_refused():
    with pytest.raises(WireError, match="canonical"):
        read(b"c")


def test_trailing_bytes_are_refused():
    first, second = written(ODD, EVEN)
    with pytest.raises(WireError):
        read(first, second + b"x")
