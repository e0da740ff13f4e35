"""What all parties agree on before a round, and what no server can talk a client out of."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

from gradveil.exchange import TooFewClientsError, wire
from secagg.errors import OverflowRefusedError, ProtocolError
from secagg.framing import MAX_CLIENTS, VERSION, Header
from secagg.ring import FixedPoint

SESSION_BYTES = 16
CONTEXT_BYTES = 32
_MAX_ROUND = 2**32
_FEWEST_CLIENTS = 3


def default_threshold(clients: int) -> int:
    """floor(2n/3) + 1: a server with fewer than n/3 corrupt clients cannot get both secrets of one client.

    Source: Bonawitz et al. 2017, threshold against a server that lies: 2t > n + corrupt.
    """
    return 2 * clients // 3 + 1


@dataclass(frozen=True)
class RoundConfig:
    """One round of one session, the same for all parties; its hash enters every derived key.

    Attributes:
        session: 16 random bytes, never used for another session.
        round: number of the round in its session.
        context: 32-byte hash of the model and training configuration that the clients were given.
        threshold: how many clients must answer to unmask.
        encoding: fixed-point numbers on the ring.
        length: number of values of each vector, without the weight.

    Raises:
        ProtocolError: a field out of range.
    """

    session: bytes
    round: int
    context: bytes
    threshold: int
    encoding: FixedPoint
    length: int

    def __post_init__(self) -> None:
        if len(self.session) != SESSION_BYTES or len(self.context) != CONTEXT_BYTES:
            raise ProtocolError(
                f"session and context need {SESSION_BYTES} and {CONTEXT_BYTES} bytes; hash them"
            )
        if not 0 <= self.round < _MAX_ROUND or self.length < 1 or self.threshold < 1:
            raise ProtocolError("round, length or threshold is out of range; set round >= 0, the others >= 1")

    @cached_property
    def header(self) -> Header:
        """The header of messages before the roster is known; its binding is the hash of all fields."""
        numbers = [float(self.encoding.clip), self.encoding.max_clients, self.encoding.max_weight]
        ring = [*numbers, self.encoding.modulus_bits, self.length]
        fields = [self.session, self.round, self.context, self.threshold, *ring]
        packed = wire.pack("secagg-config", VERSION, fields)
        return Header(self.session, self.round, hashlib.sha256(packed).digest())

    def require_capacity(self, clients: int) -> None:
        """Raise OverflowRefusedError if a sum over this many clients could wrap."""
        capacity = min(self.encoding.max_clients, MAX_CLIENTS)
        if clients > capacity:
            raise OverflowRefusedError(
                f"{clients} clients exceed {capacity}; raise max_clients or split the cohort"
            )


@dataclass(frozen=True)
class Floors:
    """Local limits, set by each party for itself.

    Attributes:
        min_clients: fewest clients in a sum, at least 3 (in a sum of two, each reads the other).

    Raises:
        TooFewClientsError: min_clients below 3.
    """

    min_clients: int = _FEWEST_CLIENTS

    def __post_init__(self) -> None:
        if self.min_clients < _FEWEST_CLIENTS:
            raise TooFewClientsError(f"min_clients {self.min_clients} is below {_FEWEST_CLIENTS}; raise it")

    def require_roster(self, clients: int, threshold: int) -> None:
        """Check a roster of this many clients.

        Raises:
            TooFewClientsError: fewer than min_clients or than the threshold.
            ProtocolError: not 2 * threshold > clients, so that two halves could answer differently.
        """
        self.require_cohort(clients, threshold)
        if 2 * threshold <= clients:
            raise ProtocolError(f"threshold {threshold} is no majority of {clients}; raise it above half")

    def require_cohort(self, clients: int, threshold: int) -> None:
        """Raise TooFewClientsError if fewer than min_clients or the threshold are left."""
        needed = max(self.min_clients, threshold)
        if clients < needed:
            raise TooFewClientsError(
                f"{clients} clients left, {needed} needed; wait for more or start a new round"
            )
