"""Primes that a number-theoretic transform can work with, and their roots of unity."""

from itertools import count

_WITNESSES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)
"""They decide for every number below 2^64 (Sorenson and Webster 2015, Math. Comp. 86)."""


def is_prime(number: int) -> bool:
    """Whether a number below 2^64 is prime; Miller-Rabin with fixed witnesses, so never by chance."""
    if number < 2 or any(number % prime == 0 for prime in _WITNESSES):
        return number in _WITNESSES
    return all(_passes(number, witness) for witness in _WITNESSES)


def _passes(number: int, witness: int) -> bool:
    """Whether the witness's chain of square roots of one is as in a prime field."""
    twos = ((number - 1) & (1 - number)).bit_length() - 1
    power = pow(witness, (number - 1) >> twos, number)
    chain = (pow(power, 2**squarings, number) for squarings in range(twos))
    return power == 1 or number - 1 in chain


def powers(base: int, length: int, modulus: int) -> list[int]:
    """base^0 .. base^(length-1) mod modulus."""
    found = [1]
    while len(found) < length:
        found.append(found[-1] * base % modulus)
    return found


def minimal_root(order: int, prime: int) -> int:
    """The smallest primitive root of unity mod prime; the order is a power of two that divides prime - 1.

    SEAL picks the same one (`try_minimal_primitive_root`), so its transforms use these points in this order.
    """
    candidates = (pow(base, (prime - 1) // order, prime) for base in count(2))
    root = next(found for found in candidates if pow(found, order // 2, prime) == prime - 1)
    return min(powers(root, order, prime)[1::2])
