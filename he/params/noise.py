"""How large the noise of a sum can be: sub-Gaussian bounds that fail with probability below 2^-128."""

import math

FAILURE_BITS = 128

ERROR_VARIANCE = 21 / 2
"""Variance proxy of one error coefficient: SEAL's centred binomial of 42 fair bits."""

ROUNDING_VARIANCE = 1 / 4
"""Variance proxy of the encoder's rounding of a coefficient."""


def shared_key_variance() -> float:
    """Variance proxy of a coefficient of a fresh ciphertext c0 + c1 s - m = e under the secret key."""
    return ERROR_VARIANCE


def public_key_variance(poly_degree: int) -> float:
    """Variance proxy of a coefficient of e u + e0 + e1 s, encrypted under the public key.

    s and u are ternary, so a coefficient of e1 s weighs N errors with at most 1; of e u likewise, as the
    squares of a sum of K fresh u add up to less than K N (their mean is 2/3 K N) but for a vanishing chance.
    """
    return ERROR_VARIANCE * (2 * poly_degree + 1)


def switched_variance(poly_degree: int) -> float:
    """Variance proxy of a public-key ciphertext after SEAL divides it by the special prime.

    The division leaves the rounding of both polynomials, (r0 + r1 s) with |r| <= 1/2; the noise of
    `public_key_variance` shrinks by the prime's square and vanishes.
    """
    return (poly_degree + 1) / 4


def tail() -> float:
    """Standard deviations that a sub-Gaussian variable exceeds with probability below 2^-128."""
    return math.sqrt(2 * math.log(2) * (FAILURE_BITS + 1))
