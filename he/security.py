"""How large a ciphertext modulus may be for a security level."""

MAX_LOG_Q = {
    1024: {128: 26},
    2048: {128: 53, 192: 36, 256: 27},
    4096: {128: 106, 192: 73, 256: 56},
    8192: {128: 214, 192: 147, 256: 114},
    16384: {128: 430, 192: 297, 256: 230},
    32768: {128: 868, 192: 597, 256: 462},
}
"""Largest total log2 q by polynomial degree and security level in bits.

Ternary secret, classical attacks; special primes count, as evaluation keys live there.
Source: Bossuat et al., Security Guidelines for Implementing Homomorphic Encryption, eprint 2024/463,
Table 5.2.
"""

LEVELS = (128, 192, 256)


def security_bits(poly_degree: int, log_q: int) -> int:
    """The highest level, 128, 192 or 256 bits, that a modulus of log_q bits meets; 0 for none."""
    levels = MAX_LOG_Q[poly_degree].items()
    return max((level for level, limit in levels if log_q <= limit), default=0)


def smallest_degree(log_q: int) -> int | None:
    """The smallest polynomial degree at which log_q bits have 128-bit security."""
    return min((degree for degree, limits in MAX_LOG_Q.items() if log_q <= limits[128]), default=None)
