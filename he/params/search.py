"""Choosing parameters: the smallest prime that carries what is asked, the cheapest way of several."""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from he.errors import ParametersError

DEGREES = (4096, 8192)
"""Bytes a value do not depend on the degree; smaller ones would only lower the security."""

_PRIMES = range(30, 61)


class _Ring(Protocol):
    @property
    def poly_degree(self) -> int: ...

    @property
    def log_q(self) -> int: ...

    @property
    def security_bits(self) -> int: ...

    @property
    def values_per_chunk(self) -> int: ...


P = TypeVar("P", bound=_Ring)


def cheapest(builders: Iterable[Callable[..., P]], security: int) -> P | None:
    """The fewest bits a value, then the smallest degree; None if nothing is valid."""
    found = [_smallest_prime(build, security) for build in builders]
    valid = [params for params in found if params is not None]
    return min(valid, key=lambda params: (_bits_per_value(params), params.poly_degree), default=None)


def _bits_per_value(params: _Ring) -> float:
    return params.log_q * params.poly_degree / params.values_per_chunk


def _smallest_prime(build: Callable[..., P], security: int) -> P | None:
    """The parameters of the smallest prime that is valid; None if these are not secure enough."""
    for bits in _PRIMES:
        try:
            found = build(modulus_bits=bits)
        except ParametersError:
            continue
        return found if found.security_bits >= security else None
    return None
