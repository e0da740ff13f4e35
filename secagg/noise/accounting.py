"""What noise on a sum proves: Renyi bounds of both mechanisms, sampling, rounds, and (epsilon, delta).

A Renyi bound maps an order alpha > 1 to D_alpha between the sums with and without one client's vector.
"""

import importlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from secagg.errors import SecAggError

RenyiBound = Callable[[float], float]

_WHOLE_ORDERS = (*range(2, 129), 192, 256, 384, 512, 768, 1024)
_FRACTIONS = tuple(1 + step / 20 for step in range(1, 180))
_LARGE_ORDERS = tuple(2**power for power in range(11, 21))


class MissingAccountantError(SecAggError):
    """The optional package that turns Renyi bounds into epsilon is not installed."""


class UnprovableClaimError(SecAggError):
    """The parameters are out of the range in which the cited theorems hold."""


@dataclass(frozen=True)
class PrivacyClaim:
    """Differential privacy of all rounds together, for a client whose vector is replaced by zeros.

    It holds against everybody who sees the sums only, if at least `survivors_min` honest clients add noise.

    Attributes:
        epsilon: the privacy loss, exceeded with probability delta.
        delta: as above.
        sampling_rate: probability with which each client takes part in a round, on its own. A rate below 1
            helps only against those who do not see who took part, so not against the server.
        rounds: number of sums released.
        norm_bound: largest L2 norm of one client's rounded vector, in units of the values, as enforced.
        survivors_min: fewest honest clients whose noise is in each sum.
    """

    epsilon: float
    delta: float
    sampling_rate: float
    rounds: int
    norm_bound: float
    survivors_min: int


def gaussian_sum(norm: float, sigma: float, clients: int, length: int) -> RenyiBound:
    """Of `clients` discrete Gaussians of `sigma` each, for a vector (length,) of this L2 norm; all in steps.

    A sum of discrete Gaussians is no discrete Gaussian; `tau` bounds the difference, and vanishes fast.
    Kairouz, Liu, Steinke 2021, "The Distributed Discrete Gaussian Mechanism", Proposition 14.

    Raises:
        UnprovableClaimError: sigma below 1/2, where the theorem does not hold.
    """
    if sigma < 0.5:
        raise UnprovableClaimError(f"sigma of {sigma:.3f} steps a client is below 0.5; use more bits")
    shares = np.arange(1, clients)
    tau = 10 * float(np.exp(-2 * (math.pi * sigma) ** 2 * shares / (shares + 1)).sum())
    ratio = norm / (math.sqrt(clients) * sigma)

    def bound(order: float) -> float:
        return min(order / 2 * ratio**2 + tau * length, order / 2 * (ratio + math.sqrt(length) * tau) ** 2)

    return bound


def skellam(norm: float, variance: float, length: int) -> RenyiBound:
    """Of Skellam noise of this variance, for an integer vector (length,) of L2 norm `norm`; all in steps.

    Agarwal, Kairouz, Liu 2021, Theorem 3.5. The L1 norm of integers is at most their squared L2 norm.
    """
    sum_norm = norm * min(math.sqrt(length), norm)

    def bound(order: float) -> float:
        fine = ((2 * order - 1) * norm**2 + 6 * sum_norm) / (4 * variance**2)
        return order * norm**2 / (2 * variance) + min(fine, 3 * sum_norm / (2 * variance))

    return bound


def sampled(bound: RenyiBound, rate: float) -> RenyiBound:
    """The bound at whole orders when each client takes part with probability `rate`, 0 < rate < 1.

    Zhu, Wang 2019, "Poisson Subsampled Renyi Differential Privacy", Theorem 5: for every mechanism.
    """

    def amplified(order: float) -> float:
        whole = int(order)
        first = (whole - 1) * math.log1p(-rate) + math.log1p((whole - 1) * rate)
        terms = [first] + [_sampled_term(bound, rate, whole, size) for size in range(2, whole + 1)]
        return min(float(np.logaddexp.reduce(terms)) / (whole - 1), bound(order))

    return amplified


def epsilon_of(bound: RenyiBound, delta: float, sampling_rate: float, rounds: int) -> float:
    """The least epsilon over a grid of orders, by the `dp-accounting` package.

    Raises:
        MissingAccountantError: the package is not installed.
    """
    orders: Sequence[float] = _WHOLE_ORDERS
    if sampling_rate < 1:
        bound = sampled(bound, sampling_rate)
    else:
        orders = (*_FRACTIONS, *_WHOLE_ORDERS, *_LARGE_ORDERS)
    try:
        accountant = importlib.import_module("dp_accounting.rdp")
    except ModuleNotFoundError as error:
        raise MissingAccountantError("epsilon needs an accountant; pip install dp-accounting") from error
    epsilon, _ = accountant.compute_epsilon(orders, [rounds * bound(order) for order in orders], delta)
    return float(epsilon)


def _sampled_term(bound: RenyiBound, rate: float, order: int, size: int) -> float:
    """Logarithm of the summand in which `size` of `order` factors hold the client."""
    chosen = math.lgamma(order + 1) - math.lgamma(size + 1) - math.lgamma(order - size + 1)
    weight = chosen + size * math.log(rate) + (order - size) * math.log1p(-rate)
    return weight + (size - 1) * bound(size) + (math.log(3) if size > 2 else 0.0)
