"""What all parties agree on before a round, and what no server can talk a client out of."""

import hashlib
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property

from gradveil.exchange import TooFewClientsError, wire
from secagg.adversary import Adversary
from secagg.errors import OverflowRefusedError, ProtocolError
from secagg.framing import MAX_CLIENTS, VERSION, Header
from secagg.noise import DistributedNoise
from secagg.ring import FixedPoint

SESSION_BYTES = 16
CONTEXT_BYTES = 32
_MAX_ROUND = 2**32
_FEWEST_CLIENTS = 3
_FEWEST_SHARES = 2


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
        threshold: how many holders of a client's shares must answer to unmask it.
        encoding: fixed-point numbers on the ring.
        length: number of values of each vector, without the weight.
        neighbours: an even number of clients that each client shares masks with; None for all of them.
        adversary: against a malicious server, messages are signed and survivors confirmed.
        counters: whole numbers that are summed besides, such as clip counts.
        noise: each client's part of distributed noise, or None.

    Raises:
        ProtocolError: a field out of range.
    """

    session: bytes
    round: int
    context: bytes
    threshold: int
    encoding: FixedPoint
    length: int
    neighbours: int | None = None
    adversary: Adversary = Adversary.SEMI_HONEST
    counters: int = 0
    noise: DistributedNoise | None = None

    def __post_init__(self) -> None:
        if len(self.session) != SESSION_BYTES or len(self.context) != CONTEXT_BYTES:
            raise ProtocolError(
                f"session and context need {SESSION_BYTES} and {CONTEXT_BYTES} bytes; hash them"
            )
        if not 0 <= self.round < _MAX_ROUND or self.length < 1 or self.threshold < 1 or self.counters < 0:
            raise ProtocolError("round, length or threshold is out of range; set round >= 0, the others >= 1")
        if self.neighbours is not None and (self.neighbours < _FEWEST_SHARES or self.neighbours % 2):
            raise ProtocolError(f"{self.neighbours} neighbours; give an even number, or None for all")
        if self.noise is not None and self.counters:
            raise ProtocolError("counters carry no noise; sum them in a round of their own")
        if self.noise is not None and (self.noise.encoding, self.noise.length) != (
            self.encoding,
            self.length,
        ):
            raise ProtocolError("the noise is for another encoding or length; build both from one")

    @property
    def coordinates(self) -> int:
        """Length of a ring vector: values, the weight, counters."""
        return self.length + 1 + self.counters

    @cached_property
    def header(self) -> Header:
        """The header of messages before the directory is known; its binding is the hash of all fields."""
        place = [self.session, self.round, self.context]
        shape = [self.threshold, self.length, self.neighbours or 0, self.adversary, self.counters]
        described = [_described(self.encoding), _described(self.noise)]
        packed = wire.pack("secagg-config", VERSION, [*place, *shape, *described])
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
    """Local limits, set by each party for itself; no server can lower them.

    Attributes:
        min_clients: fewest clients in a sum, at least 3 (in a sum of two, each reads the other).
        min_neighbours: fewest clients to share masks with, on a sparse graph.
        min_threshold: fewest shares that rebuild a secret, at least 2 (with 1, a share is the secret).

    Raises:
        TooFewClientsError: a floor below its own.
    """

    min_clients: int = _FEWEST_CLIENTS
    min_neighbours: int = _FEWEST_SHARES
    min_threshold: int = _FEWEST_SHARES

    def __post_init__(self) -> None:
        if self.min_clients < _FEWEST_CLIENTS:
            raise TooFewClientsError(f"min_clients {self.min_clients} is below {_FEWEST_CLIENTS}; raise it")
        if min(self.min_neighbours, self.min_threshold) < _FEWEST_SHARES:
            raise TooFewClientsError(f"a floor of shares is below {_FEWEST_SHARES}; raise it")

    def require_round(self, config: RoundConfig, clients: int) -> None:
        """Check a round that this many clients joined.

        Raises:
            TooFewClientsError: fewer clients, neighbours or shares than the floors.
            ProtocolError: so low a threshold that two halves of the holders could answer differently.
        """
        holders = clients if config.neighbours is None else min(config.neighbours, clients)
        self.require_cohort(clients)
        if holders < (needed := max(self.min_neighbours, config.threshold)):
            raise TooFewClientsError(
                f"{holders} clients hold a secret, in shares, but {needed} are needed to rebuild it; raise "
                "neighbours, or wait for more clients"
            )
        if config.threshold < self.min_threshold:
            raise ProtocolError(f"threshold {config.threshold} is below {self.min_threshold}; raise it")
        sparse = config.neighbours is not None and config.neighbours < clients - 1
        split = 2 * config.threshold <= holders
        if split and not (sparse and config.adversary is Adversary.SEMI_HONEST):
            raise ProtocolError(f"threshold {config.threshold} is no majority of {holders}; raise it")

    def require_cohort(self, clients: int) -> None:
        """Raise TooFewClientsError for a sum over fewer clients than the floor."""
        if clients < self.min_clients:
            raise TooFewClientsError(
                f"{clients} clients, not {self.min_clients}; wait for more or leave this round"
            )


def _described(value: object) -> str:
    """Text that differs when a field of a frozen dataclass differs; 8 and 8.0 are one number."""
    if is_dataclass(value):
        parts = [f"{field.name}={_described(getattr(value, field.name))}" for field in fields(value)]
        return f"{type(value).__name__}({', '.join(parts)})"
    return repr(float(value)) if isinstance(value, int | float) else str(value)
