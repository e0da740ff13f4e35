"""Shamir's t-of-n secret sharing of 32-byte secrets (Shamir 1979) over the field of 2^256 + 297 elements.

The prime is the first one above 2^256, so every 32-byte string is a field element.
"""

import math
import secrets
from collections.abc import Sequence
from functools import lru_cache

from secagg.errors import ProtocolError, TamperedError, TooFewSharesError

PRIME = 2**256 + 297
SECRET_BYTES = 32
SHARE_BYTES = 33

Share = tuple[int, bytes]
"""Evaluation point x in 1 .. n and the value there, 33 bytes big-endian."""


def split(secret: bytes, threshold: int, count: int) -> tuple[bytes, ...]:
    """Shares at x = 1 .. count, of which any `threshold` rebuild the secret and fewer say nothing.

    Raises:
        ProtocolError: secret not 32 bytes long, or not 1 <= threshold <= count.
    """
    if len(secret) != SECRET_BYTES:
        raise ProtocolError(f"a secret of {len(secret)} bytes cannot be shared; use 32 bytes")
    if not 1 <= threshold <= count:
        raise ProtocolError(f"threshold {threshold} is not in 1 .. {count} shares; lower it")
    coefficients = [int.from_bytes(secret), *(secrets.randbelow(PRIME) for _ in range(threshold - 1))]
    return tuple(evaluate(coefficients, x) for x in range(1, count + 1))


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


@lru_cache(maxsize=32)
def lagrange_at_zero(points: tuple[int, ...]) -> tuple[int, ...]:
    """Lagrange coefficients for the value at zero; kept for each set of responders.

    Raises:
        ProtocolError: a point of 0 or below, or one point twice.
    """
    if min(points) < 1 or len(set(points)) != len(points):
        raise ProtocolError("shares need distinct points of 1 or more; take one share from each client")
    return tuple(_coefficient(points, x) for x in points)


def _coefficient(points: tuple[int, ...], x: int) -> int:
    others = [other for other in points if other != x]
    denominator = math.prod(other - x for other in others)
    return math.prod(others) * pow(denominator, -1, PRIME) % PRIME
