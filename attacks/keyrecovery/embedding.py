"""From slots back to the integer coefficients that were encrypted."""

import numpy as np
from numpy.typing import NDArray

from attacks.keyrecovery.primes import powers
from attacks.keyrecovery.transcript import Published

_SLOT_GENERATOR = 3


def coefficients(slots: Published) -> NDArray[np.float64]:
    """Real coefficients (N,) of the polynomial with these slots (N/2,), before any rounding.

    Slot i is the value at zeta^(3^i), zeta = exp(pi i / N); the conjugate point has the conjugate value.

    Source: Cheon, Kim, Kim and Song 2017 (ASIACRYPT), the inverse of decoding, with SEAL's order of slots.
    """
    degree = 2 * slots.size
    points = np.array(powers(_SLOT_GENERATOR, slots.size, 2 * degree)) // 2
    values = np.empty(degree, dtype=np.complex128)
    values[points], values[degree - 1 - points] = slots, slots.conj()
    untwist = np.exp(-1j * np.pi / degree * np.arange(degree))
    found: NDArray[np.float64] = (np.fft.fft(values, norm="forward") * untwist).real
    return found


def doubt(real: NDArray[np.float64]) -> float:
    """How far coefficients are from integers, in units of one, plus how coarse float64 is at their size.

    Near 0 for an unrounded decryption, near 0.5 for one that was rounded or noised, above that where
    float64 cannot tell an integer from the next.
    """
    return float(np.abs(real - np.rint(real)).max() + np.spacing(np.abs(real).max()))
