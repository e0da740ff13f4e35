"""The negacyclic number-theoretic transform in the order in which SEAL stores it."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from attacks.keyrecovery.primes import minimal_root, powers

Residues: TypeAlias = NDArray[np.object_]
"""Python integers mod a prime: products of two 60-bit residues fit no machine word of numpy."""


class NegacyclicNtt:
    """Polynomials mod X^N + 1 over Z_q, by coefficients and by values.

    Value j of a is a(psi^(2 bitrev(j) + 1)): psi is the smallest primitive 2N-th root of unity mod q, bitrev
    reverses log2 N bits. As bitrev(N-1-j) = N-1-bitrev(j), a(1/X) has the values of a in reverse order.

    Source: Longa and Naehrig 2016 (eprint 2016/504); here the powers of psi stay outside the butterflies.
    """

    def __init__(self, degree: int, prime: int) -> None:
        root = minimal_root(2 * degree, prime)
        self.prime = prime
        self._halves = tuple(2**level for level in range(degree.bit_length() - 1))
        self._powers = _residues(powers(root, degree, prime))
        self._inverse_powers = _residues(powers(pow(root, -1, prime), degree, prime))
        self._inverse_degree = pow(degree, -1, prime)

    def forward(self, coefficients: Residues) -> Residues:
        """Values (N,) from integer coefficients (N,)."""
        values: Residues = coefficients * self._powers % self.prime
        for half in reversed(self._halves):
            low, high = _split(values, half)
            twisted = (low - high) * self._powers[:: self._powers.size // half]
            values = np.stack((low + high, twisted), axis=1) % self.prime
        return values.reshape(-1)

    def inverse(self, values: Residues) -> Residues:
        """Coefficients (N,) in (-q/2, q/2) from values (N,)."""
        for half in self._halves:
            low, high = _split(values, half)
            twisted = high * self._inverse_powers[:: self._powers.size // half]
            values = np.stack((low + twisted, low - twisted), axis=1) % self.prime
        residues = values.reshape(-1) * self._inverse_powers * self._inverse_degree % self.prime
        centred: Residues = np.where(residues > self.prime // 2, residues - self.prime, residues)
        return centred


def _residues(numbers: list[int]) -> Residues:
    return np.array(numbers, dtype=object)


def _split(values: Residues, half: int) -> tuple[Residues, Residues]:
    blocks = values.reshape(-1, 2, half)
    return blocks[:, 0], blocks[:, 1]
