"""What is no transcript is refused, with the next step."""

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from attacks import AttackError
from attacks.keyrecovery import CkksTranscript, KeyNotRecoveredError, TranscriptError, recover_key

DEGREE, PRIME = 8, 12289


def polynomial(fill=1, dtype=np.uint64, degree=DEGREE):
    return np.full(degree, fill, dtype)


def slots(fill=0.5, dtype=np.complex128, degree=DEGREE):
    return np.full(degree // 2, fill, dtype)


def transcript(**changes):
    pair = (polynomial(2), polynomial(3))
    return replace(CkksTranscript(DEGREE, PRIME, 2.0**10, (pair,), (slots(),)), **changes)


def assert_refused(match, **changes):
    with pytest.raises(TranscriptError, match=match):
        transcript(**changes)


@pytest.mark.parametrize("degree", [-8, 0, 1, 3, 12, 2**18])
def test_a_degree_that_is_no_power_of_two_is_refused(degree):
    assert_refused("no power of two", poly_degree=degree)


@pytest.mark.parametrize("modulus", [0, 1, -12287, 12289**2, 12281, 12288, 2**64 + 13])
def test_a_modulus_that_is_no_suitable_prime_is_refused(modulus):
    assert_refused("no 64-bit prime", modulus=modulus)


@pytest.mark.parametrize(
    "changes", [{"modulus": np.int64(PRIME)}, {"poly_degree": np.int64(8)}, {"modulus": 97.0}]
)
def test_numbers_that_would_overflow_are_refused(changes):
    assert_refused("not an int", **changes)


@pytest.mark.parametrize("scale", [0.0, -1.0, 0.5, float("nan"), float("inf")])
def test_a_scale_that_is_none_is_refused(scale):
    assert_refused("scale", scale=scale)


@pytest.mark.parametrize(("ciphertexts", "published"), [(0, 0), (1, 0), (0, 1), (1, 2)])
def test_each_ciphertext_needs_its_publication(ciphertexts, published):
    pairs, vectors = ((polynomial(), polynomial()),) * ciphertexts, (slots(),) * published
    assert_refused("one published vector for each", ciphertexts=pairs, published=vectors)


@pytest.mark.parametrize("parts", [(), (polynomial(),), (polynomial(),) * 3, polynomial()])
def test_a_ciphertext_is_a_pair(parts):
    assert_refused("not a pair", ciphertexts=(parts,))


@pytest.mark.parametrize(
    "part",
    [
        polynomial(dtype=np.int64),
        polynomial(dtype=np.float64),
        polynomial(degree=16),
        polynomial()[None],
        [1] * 8,
    ],
)
def test_a_polynomial_of_another_form_is_refused(part):
    assert_refused("uint64 array of 8 elements", ciphertexts=((polynomial(), part),))


def test_a_residue_of_another_prime_is_refused():
    assert_refused("not below the modulus", ciphertexts=((polynomial(PRIME - 1), polynomial(PRIME)),))


@pytest.mark.parametrize(
    "vector",
    [slots(dtype=np.float32), slots(dtype=np.complex64), slots(degree=16), slots()[None], [0.5] * 4],
)
def test_a_publication_of_another_form_is_refused(vector):
    assert_refused("complex128 or float64 array of 4 elements", published=(vector,))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, complex(0, np.nan), 1e306])
def test_a_publication_that_is_not_finite_is_refused(value):
    assert_refused("not finite", published=(slots(value),))


@given(
    hnp.arrays(np.uint64, (2, DEGREE), elements=st.integers(0, PRIME - 1)),
    hnp.arrays(np.float64, (2, DEGREE // 2), elements=st.floats(-1e300, 1e300)),
    st.booleans(),
)
def test_any_transcript_of_the_right_form_gives_a_ternary_key_or_an_error(pair, halves, whole):
    vector = halves[0] + 1j * halves[1] if whole else halves[0]
    found = transcript(ciphertexts=(tuple(pair),) * 2, published=(vector,) * 2)
    with suppress(KeyNotRecoveredError):
        assert set(recover_key(found).tolist()) <= {-1, 0, 1}


def test_both_errors_are_errors_of_an_attack():
    assert issubclass(TranscriptError, AttackError)
    assert issubclass(KeyNotRecoveredError, AttackError)
