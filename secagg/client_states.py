"""A client's state between two steps, and its bytes: they hold secrets, so keep them where keys are kept."""

from dataclasses import dataclass, field

from secagg.agreement import KeyPair
from secagg.cohort import Cohort
from secagg.events import Closed
from secagg.sealing import SharePair
from secagg.secret import Secret


@dataclass(frozen=True)
class New:
    """Nothing was said yet."""


@dataclass(frozen=True, eq=False, repr=False)
class Advertised(Secret):
    """Public keys are out."""

    encryption: KeyPair
    masking: KeyPair


@dataclass(frozen=True, eq=False, repr=False)
class Sharing(Secret):
    """Shares of the seed and of the mask key are out; `kept` is this client's own, on the complete graph."""

    cohort: Cohort
    encryption: KeyPair
    masking: KeyPair
    seed: bytes
    kept: SharePair | None


@dataclass(frozen=True, eq=False, repr=False)
class Ready(Secret):
    """Shares of `peers` (of U2) are in, None for those that did not open; the vector may come."""

    cohort: Cohort
    masking: KeyPair
    seed: bytes
    peers: tuple[str, ...]
    shares: dict[str, SharePair | None] = field(repr=False)


@dataclass(frozen=True, eq=False, repr=False)
class Masked(Secret):
    """The masked vector is out; own secrets are gone, others' shares are kept for unmasking."""

    cohort: Cohort
    peers: tuple[str, ...]
    shares: dict[str, SharePair | None] = field(repr=False)


@dataclass(frozen=True, eq=False, repr=False)
class Confirmed(Secret):
    """Malicious version: the survivors (a bitmap) were signed; only this list will be answered."""

    cohort: Cohort
    peers: tuple[str, ...]
    shares: dict[str, SharePair | None] = field(repr=False)
    survivors: bytes


ClientState = New | Advertised | Sharing | Ready | Masked | Confirmed | Closed
