"""Shamir's t-of-n secret sharing of 32-byte secrets (Shamir 1979) over the field of 2^256 + 297 elements.

The prime is the first one above 2^256, so every 32-byte string is a field element.
"""

import math
import secrets
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

from secagg.decoding import polynomial_through
from secagg.errors import ProtocolError, TamperedError, TooFewSharesError

PRIME = 2**256 + 297
SECRET_BYTES = 32
SHARE_BYTES = 33

Share = tuple[int, bytes]
"""Evaluation point x in 1 .. n and the value there, 33 bytes big-endian."""


def split(secret: bytes, threshold: int, points: Sequence[int]) -> tuple[bytes, ...]:
    """Shares at these points, of which any `threshold` rebuild the secret and fewer say nothing.

    Raises:
        ProtocolError: secret not 32 bytes long, points of 0 or below or repeated, or not
            1 <= threshold <= number of points.
    """
    if len(secret) != SECRET_BYTES:
        raise ProtocolError(f"a secret of {len(secret)} bytes cannot be shared; use 32 bytes")
    if not 1 <= threshold <= len(points):
        raise ProtocolError(f"threshold {threshold} is not in 1 .. {len(points)} shares; lower it")
    _require_points(points)
    coefficients = [int.from_bytes(secret), *(secrets.randbelow(PRIME) for _ in range(threshold - 1))]
    return tuple(evaluate(coefficients, x) for x in points)


def evaluate(coefficients: Sequence[int], x: int) -> bytes:
    """Value at x of the polynomial with these coefficients, constant term first; 33 bytes."""
    value = 0
    for coefficient in reversed(coefficients):
        value = (value * x + coefficient) % PRIME
    return value.to_bytes(SHARE_BYTES)


def combine(shares: Sequence[Share], threshold: int) -> bytes:
    """The 32-byte secret, from the first `threshold` shares.

    Raises:
        TooFewSharesError: fewer than `threshold` shares.
        ProtocolError: an x of 0 or below, or one x twice.
        TamperedError: a value outside the field, or a result over 32 bytes. Wrong shares rarely show here:
            the caller must check the secret against something its owner published.
    """
    if len(shares) < threshold:
        raise TooFewSharesError(f"{len(shares)} shares, {threshold} needed; wait for more answers")
    points = tuple(x for x, _ in shares[:threshold])
    values = [int.from_bytes(value) for _, value in shares[:threshold]]
    if max(values) >= PRIME:
        raise TamperedError("a share lies outside the field; drop its sender and start a new round")
    products = zip(lagrange_at_zero(points), values, strict=True)
    secret = sum(coefficient * value for coefficient, value in products) % PRIME
    if secret.bit_length() > 8 * SECRET_BYTES:
        raise TamperedError("the shares do not belong together; start a new round")
    return secret.to_bytes(SECRET_BYTES)


def correct(shares: Sequence[Share], threshold: int) -> tuple[bytes, tuple[int, ...]]:
    """The 32-byte secret although some shares are wrong, and the points of the wrong ones.

    Of m shares, up to (m - threshold) // 2 may be wrong (Berlekamp and Welch 1986).

    Raises:
        TooFewSharesError: fewer than `threshold` shares.
        TamperedError: more shares are wrong than can be told from the right ones.
    """
    if len(shares) < threshold:
        raise TooFewSharesError(f"{len(shares)} shares, {threshold} needed; wait for more answers")
    points = [(x, int.from_bytes(value)) for x, value in shares]
    coefficients = polynomial_through(points, threshold, PRIME)
    if coefficients is None or coefficients[0] >> 8 * SECRET_BYTES:
        raise TamperedError("too many shares are wrong; start a new round without their owner")
    wrong = tuple(x for x, value in shares if evaluate(coefficients, x) != value)
    return coefficients[0].to_bytes(SECRET_BYTES), wrong


@lru_cache(maxsize=256)
def lagrange_at_zero(points: tuple[int, ...]) -> tuple[int, ...]:
    """Lagrange coefficients for the value at zero; kept for each set of responders.

    Raises:
        ProtocolError: a point of 0 or below, or one point twice.
    """
    _require_points(points)
    product = math.prod(points)
    slopes = [x * math.prod(other - x for other in points if other != x) % PRIME for x in points]
    return tuple(product * inverse % PRIME for inverse in _inverses(slopes))


def _inverses(values: Sequence[int]) -> list[int]:
    """All inverses for the price of one, by running products."""
    running = list(accumulate(values, lambda left, right: left * right % PRIME))
    inverse = pow(running[-1], -1, PRIME)
    found = []
    for value, before in zip(reversed(values), [*reversed(running[:-1]), 1], strict=True):
        found.append(inverse * before % PRIME)
        inverse = inverse * value % PRIME
    return found[::-1]


def _require_points(points: Sequence[int]) -> None:
    if min(points) < 1 or len(set(points)) != len(points):
        raise ProtocolError("shares need distinct points of 1 or more; take one share from each client")
