"""Ways to protect an update: a slice one way, the rest another."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gradveil.planning.threat import Threat

RATIOS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.6)
"""Shares of the parameters that slices are cut at."""

NOISES = (0.1, 0.3, 1.0)
"""L2 norm of the noise in the mean over that of the mean."""


class Protection(StrEnum):
    """What becomes of a coordinate."""

    ENCRYPTED = "encrypted"
    MASKED = "masked"
    CLEAR = "clear"
    DROPPED = "dropped"


@dataclass(frozen=True)
class Candidate:
    """A slice chosen by a strategy under one protection, the rest under another.

    Attributes:
        rest: of all that is not in the slice.
        slice: of the slice, None if there is none.
        strategy: of `gradveil.calibration`.
        ratio: share of the parameters in the slice.
        noise: on the sum of all that is masked: its L2 norm in the mean over that of the mean.
    """

    rest: Protection
    slice: Protection | None = None
    strategy: str = ""
    ratio: float = 0.0
    noise: float = 0.0

    @property
    def name(self) -> str:
        """For tables."""
        if self.slice is None:
            noise = f" with {self.noise:.0%} noise" if self.noise else ""
            return f"all {self.rest}{noise}"
        return f"{self.ratio:.0%} by {self.strategy} {self.slice}, the rest {self.rest}"

    @property
    def protections(self) -> frozenset[Protection]:
        """All that it uses."""
        return frozenset({self.rest} if self.slice is None else {self.rest, self.slice})

    @property
    def dropped_share(self) -> float:
        """Of the parameters."""
        if self.slice is Protection.DROPPED:
            return self.ratio
        return 1 - self.ratio if self.rest is Protection.DROPPED else 0.0

    def refusal(self, threat: Threat) -> str | None:
        """Why this cannot be sound under the threat, whatever the slice; None if it can."""
        used = self.protections
        if Protection.ENCRYPTED in used and not threat.shared_key:
            return "clients may not share a decryption key"
        if Protection.MASKED in used and threat.one_exchange:
            return "masks take several exchanges a round"
        if Protection.MASKED in used and threat.honest < 2:
            return f"a sum may hold {max(threat.honest, 0)} honest client; fewer may drop out or collude"
        exposed = Protection.CLEAR in used or (Protection.ENCRYPTED in used and threat.colluders > 0)
        if exposed and not threat.readable:
            return "single clients' values would be readable" + _by_collusion(used)
        return None


def _by_collusion(used: frozenset[Protection]) -> str:
    return "" if Protection.CLEAR in used else " with a colluding client's key"


def candidates(strategies: Sequence[str], dropping: bool = False, noise: float = 0.0) -> Iterator[Candidate]:
    """All, whether sound or not; of two that cost the same, the strategy named first comes first.

    Slices that are not sent change what is trained, and are among them only if that is wanted; noise, up to
    the one that is allowed.
    """
    yield Candidate(Protection.MASKED)
    yield from (Candidate(Protection.MASKED, noise=some) for some in NOISES if some <= noise)
    yield Candidate(Protection.ENCRYPTED)
    for slice_, rest in _PAIRS + (_DROPPING if dropping else ()):
        for ratio in RATIOS:
            for strategy in strategies:
                yield Candidate(rest, slice_, strategy, ratio)


_PAIRS = (
    (Protection.ENCRYPTED, Protection.MASKED),
    (Protection.ENCRYPTED, Protection.CLEAR),
    (Protection.MASKED, Protection.CLEAR),
)
"""Slice and rest."""

_DROPPING = (
    (Protection.ENCRYPTED, Protection.DROPPED),
    (Protection.MASKED, Protection.DROPPED),
    (Protection.DROPPED, Protection.MASKED),
    (Protection.DROPPED, Protection.CLEAR),
)
