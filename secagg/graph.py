"""Who shares masks and secrets with whom: neighbours on a random ring (Bell et al. 2020), or all with all."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from secagg.errors import ProtocolError

SEED_BYTES = 32
_LABEL = b"gradveil secagg graph v1\0"
_WORD_BYTES = 16  # two of n words are equal with probability below n^2 / 2^129
_FEWEST_CLIENTS = 2


@dataclass(frozen=True)
class Graph:
    """Clients on a ring, each the neighbour of those at most `reach` places away; equal on all platforms.

    Made by `harary` or `complete`. A server that picks the seed can seat a client among its colluders, so the
    seed must come from all parties after their keys are fixed.

    Attributes:
        ring: all client ids, each once, in order of their places.
        reach: k/2 places each way; half the ring makes the graph complete.

    Raises:
        ProtocolError: fewer than two clients, or one twice.
    """

    ring: tuple[str, ...]
    reach: int

    def __post_init__(self) -> None:
        if len(self.ring) < _FEWEST_CLIENTS or len(set(self.ring)) != len(self.ring):
            raise ProtocolError(
                "a graph needs two clients or more with distinct ids; rename or wait for more"
            )

    @classmethod
    def harary(cls, clients: Iterable[str], neighbours: int, seed: bytes) -> "Graph":
        """The k-regular graph of a 32-byte seed; complete for an odd k or one of n - 1 or more.

        The places are uniformly random: client i of the sorted ids draws bytes 16 i to 16 i + 15 of
        SHAKE-256(b"gradveil secagg graph v1" + NUL + seed), and the least draw comes first.

        Raises:
            ProtocolError: a seed of another size, no neighbours, or clients as in `Graph`.

        Source: Bell et al. 2020, section 3, random Harary graph.
        """
        if len(seed) != SEED_BYTES or neighbours < 1:
            raise ProtocolError(
                f"{len(seed)} bytes seed, {neighbours} neighbours; use {SEED_BYTES}, 2 or more"
            )
        ids = sorted(clients)
        if neighbours % 2 or neighbours >= len(ids) - 1:
            return cls.complete(ids)
        return cls(_shuffled(ids, seed), neighbours // 2)

    @classmethod
    def complete(cls, clients: Iterable[str]) -> "Graph":
        """The graph of Bonawitz et al. 2017: all clients are neighbours; raises as `Graph` does."""
        ring = tuple(sorted(clients))
        return cls(ring, len(ring) // 2)

    @cached_property
    def clients(self) -> tuple[str, ...]:
        """All client ids, sorted."""
        return tuple(sorted(self.ring))

    @property
    def degree(self) -> int:
        """Number of neighbours of each client."""
        return min(2 * self.reach, len(self.ring) - 1)

    def neighbours_of(self, client: str) -> tuple[str, ...]:
        """The ids of a client's neighbours, sorted, without its own; raises ProtocolError for a stranger."""
        place, size = self._place(client), len(self.ring)
        steps = range(1, self.reach + 1)
        # A set, since on an even complete ring the client opposite is met from both sides.
        return tuple(sorted({self.ring[(place + way * step) % size] for step in steps for way in (-1, 1)}))

    def are_neighbours(self, client: str, peer: str) -> bool:
        """Whether an edge joins two clients, none with itself; raises ProtocolError for a stranger."""
        distance = abs(self._place(client) - self._place(peer))
        return 0 < min(distance, len(self.ring) - distance) <= self.reach

    @cached_property
    def _places(self) -> dict[str, int]:
        return {client: place for place, client in enumerate(self.ring)}

    def _place(self, client: str) -> int:
        if client not in self._places:
            raise ProtocolError(f"{client!r} is not in this graph; name one of its clients")
        return self._places[client]


def _shuffled(ids: list[str], seed: bytes) -> tuple[str, ...]:
    stream = hashlib.shake_256(_LABEL + seed).digest(_WORD_BYTES * len(ids))
    words = [stream[start : start + _WORD_BYTES] for start in range(0, len(stream), _WORD_BYTES)]
    return tuple(client for _, client in sorted(zip(words, ids, strict=True)))
