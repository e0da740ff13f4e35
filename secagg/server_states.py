"""The server's state between two steps; `bytes` of them are in `secagg.snapshots`."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from secagg.cohort import Cohort
from secagg.events import Closed
from secagg.messages import EncryptedShares, Keys
from secagg.residues import Ring


@dataclass(frozen=True, eq=False)
class Aggregate:
    """The exact sum over the survivors.

    Attributes:
        ring_total: sum modulo 2^modulus_bits, shape (n + 1 + counters,).
        total: sums of weight * x and, last, the sum of weights, float64 (n + 1,).
        counters: sums of the counters.
        survivors: the clients in the sum.
        suspects: (owner, holder) of wrong shares that were found and left out: one of both cheated.
    """

    ring_total: Ring
    total: NDArray[np.float64]
    counters: tuple[int, ...]
    survivors: frozenset[str]
    suspects: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class Advertising:
    """Round 0: public keys come in."""

    keys: dict[str, Keys] = field(default_factory=dict)


@dataclass(frozen=True)
class Sharing:
    """Round 1: encrypted shares come in."""

    cohort: Cohort
    shares: dict[str, EncryptedShares] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Summing:
    """Round 2: masked vectors come in, are added and forgotten; `commitments` are of U2."""

    cohort: Cohort
    commitments: dict[str, bytes]
    total: Ring
    survivors: set[str] = field(default_factory=set)


@dataclass(frozen=True, eq=False)
class Confirming:
    """Round 3, malicious version: signatures over the survivors come in."""

    cohort: Cohort
    commitments: dict[str, bytes]
    total: Ring
    survivors: frozenset[str]
    signatures: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Unmasking:
    """Round 4: shares come in, by the client that sends them and the owner that they are of."""

    cohort: Cohort
    commitments: dict[str, bytes]
    total: Ring
    survivors: frozenset[str]
    answers: dict[str, dict[str, bytes]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Done:
    """The round has a result."""

    aggregate: Aggregate


ServerState = Advertising | Sharing | Summing | Confirming | Unmasking | Done | Closed
