"""Requests and replies have one form each, and are bound to their round."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradveil.exchange import WireError
from gradveil.fl import Given, Request, Terms
from gradveil.plan import Purpose
from secagg.phases import Phase
from tests.exchange.laws import assert_strict, bit_flips, truncations

HASHES = st.binary(min_size=32, max_size=32)


@st.composite
def requests(draw):
    """Of any round and phase."""
    terms = Terms(
        draw(st.binary(min_size=16, max_size=16)),
        draw(st.integers(0, 2**32 - 1)),
        draw(st.sampled_from(Purpose)),
        Given(draw(HASHES), draw(HASHES)),
        draw(HASHES),
        draw(HASHES),
    )
    return Request(terms, draw(st.sampled_from(Phase)), draw(st.binary(max_size=40)))


@given(requests())
def test_bytes_round_trip(request):
    assert Request.from_bytes(request.to_bytes()) == request


@given(requests(), st.data())
def test_a_flipped_bit_is_refused_or_another_request(request, data):
    assert_strict(Request.from_bytes, data.draw(bit_flips(request.to_bytes())))


@given(requests(), st.data())
def test_a_truncated_request_is_refused(request, data):
    with pytest.raises(WireError):
        Request.from_bytes(data.draw(truncations(request.to_bytes())))


@given(requests(), requests())
def test_contexts_are_equal_only_for_equal_terms(one, two):
    assert (one.terms.context == two.terms.context) == (one.terms == two.terms)


@pytest.mark.parametrize(
    "change",
    [
        {"session": b"short"},
        {"round": -1},
        {"round": 2**32},
        {"plan": b""},
        {"roster": bytes(31)},
        {"given": Given(bytes(32), b"")},
    ],
    ids=["session", "negative round", "large round", "plan", "roster", "given"],
)
def test_terms_out_of_range_are_refused(change):
    fields = {
        "session": bytes(16),
        "round": 1,
        "purpose": Purpose.TRAIN,
        "given": Given(bytes(32), bytes(32)),
    }
    with pytest.raises(WireError):
        Terms(**{**fields, "plan": bytes(32), "roster": bytes(32), **change})


def test_what_was_given_is_hashed_with_its_parts_and_their_lengths():
    first = Given.of([b"ab", b"c"], b"", [b"x"])
    assert first == Given.of([b"ab", b"c"], b"", [b"x"])
    assert len({first, Given.of([b"a", b"bc"], b"", [b"x"]), Given.of([b"ab", b"c"], b"s", [b"x"])}) == 3
    assert first.config != Given.of([b"ab", b"c"], b"", [b"y"]).config
    assert Given.of([], b"", []).model != Given.of([], b"", []).config


def test_a_subject_is_a_purpose_and_a_model():
    terms = Terms(bytes(16), 1, Purpose.TRAIN, Given(bytes(32), bytes(32)), bytes(32), bytes(32))
    later = Terms(bytes(16), 2, Purpose.TRAIN, Given(bytes(32), b"c" * 32), bytes(32), bytes(32))
    other = Terms(bytes(16), 1, Purpose.EVALUATE, Given(bytes(32), bytes(32)), bytes(32), bytes(32))
    assert terms.subject == later.subject
    assert terms.subject != other.subject
