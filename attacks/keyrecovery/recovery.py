"""Solve for the secret key what published decryptions say about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from attacks.keyrecovery.embedding import coefficients, doubt
from attacks.keyrecovery.errors import KeyNotRecoveredError
from attacks.keyrecovery.ntt import NegacyclicNtt, Residues
from attacks.keyrecovery.transcript import CkksTranscript


def recover_key(transcript: CkksTranscript) -> NDArray[np.int8]:
    """Coefficients (N,) in {-1, 0, 1} of the secret key s, from public data alone.

    A decryption in CKKS is the message plus a noise that depends on s, so publishing it to full precision
    gives m = c0 + c1 s exactly. Of complex slots one ciphertext determines s. Real slots tell only m + m*,
    where m* = m(1/X): then c1 s + c1* s* is known, and two ciphertexts under one key determine s. One
    leaves N/2 equations for N ternary unknowns, which this attack does not solve: no proof that it is safe.

    Publications closest to integer coefficients are tried first, so one good one among many is enough. The
    key is checked without the truth: a wrong solution is ternary with a probability of about (3/q)^N.

    float64 itself sets a limit: beyond about 2^49, coefficients are not rounded to the right integers.

    Raises:
        KeyNotRecoveredError: published values were rounded or noised, belong to other ciphertexts, are
            too large for float64, or are the real parts of one ciphertext only.

    Source: Li and Micciancio 2021 (EUROCRYPT; eprint 2020/1533), s = (m - c0) / c1; for real parts, that
    equation added to its image under X -> 1/X.
    """
    ring = NegacyclicNtt(transcript.poly_degree, transcript.modulus)
    for values in _solutions(transcript, ring):
        key = ring.inverse(values)
        # Zero is ternary as well, and it is what singular equations and those without c1 give.
        if np.abs(key).max() == 1:
            return key.astype(np.int8)
    raise KeyNotRecoveredError(_reason(transcript))


def _solutions(transcript: CkksTranscript, ring: NegacyclicNtt) -> Iterator[Residues]:
    """Values of s by each complex publication, then by each two neighbouring real ones."""
    order = np.argsort(_doubts(transcript), kind="stable").tolist()
    alone = (index for index in order if _is_complex(transcript, index))
    for equation in (_equation(transcript, ring, index) for index in alone):
        yield _quotient(equation.right, equation.c1, ring.prime)
    paired = (index for index in order if not _is_complex(transcript, index))
    for first, second in pairwise(_equation(transcript, ring, index) for index in paired):
        yield _solve_pair(first, second, ring.prime)


@dataclass(frozen=True, eq=False)
class _Equation:
    """c1 s = right of complex slots, c1 s + c1* s* = right of real ones; values (N,) at the NTT's points."""

    c1: Residues
    right: Residues


def _equation(transcript: CkksTranscript, ring: NegacyclicNtt, index: int) -> _Equation:
    c0, c1 = (part.astype(object) for part in transcript.ciphertexts[index])
    message = ring.forward(np.array([round(real) for real in _message(transcript, index)], dtype=object))
    return _Equation(c1, message - (c0 if _is_complex(transcript, index) else c0 + c0[::-1]))


def _solve_pair(first: _Equation, second: _Equation, prime: int) -> Residues:
    """Cramer's rule at each point; the value of s* there is that of s at the mirrored point."""
    determinant = first.c1 * second.c1[::-1] - second.c1 * first.c1[::-1]
    return _quotient(first.right * second.c1[::-1] - second.right * first.c1[::-1], determinant, prime)


def _quotient(numerator: Residues, denominator: Residues, prime: int) -> Residues:
    """Values mod prime, by Fermat: 0 where the denominator is 0, which the check of the key rejects."""
    inverses = np.array([pow(value, prime - 2, prime) for value in denominator.tolist()], dtype=object)
    quotient: Residues = numerator * inverses % prime
    return quotient


def _message(transcript: CkksTranscript, index: int) -> NDArray[np.float64]:
    """Coefficients (N,) of m from complex slots, of m + m* from real ones."""
    units = transcript.scale if _is_complex(transcript, index) else 2 * transcript.scale
    return coefficients(transcript.published[index]) * units


def _is_complex(transcript: CkksTranscript, index: int) -> bool:
    return np.iscomplexobj(transcript.published[index])


def _doubts(transcript: CkksTranscript) -> list[float]:
    return [doubt(_message(transcript, index)) for index in range(len(transcript.published))]


def _reason(transcript: CkksTranscript) -> str:
    if len(transcript.published) == 1 and not _is_complex(transcript, 0):
        return (
            "the real parts of one ciphertext do not determine the key; add a second one under the same key"
        )
    return (
        f"no published vector gives a ternary key; the best is {min(_doubts(transcript)):.2g} from integer "
        "coefficients. If that is near 0, check that ciphertexts, scale and modulus belong to the published "
        "values; if near 0.5 or more, these were rounded, noised or too large for float64: look for others"
    )
