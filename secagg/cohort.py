"""The clients of one round once their keys are known: order, graph, holders of shares."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from secagg.adversary import Adversary
from secagg.config import RoundConfig
from secagg.framing import Header
from secagg.graph import SEED_BYTES, Graph
from secagg.messages import Directory, Keys

_SLOW_COST = 1 << 14
"""16 MiB and about 50 ms a try (RFC 7914), for whoever searches a directory that makes a convenient graph."""


@dataclass(frozen=True)
class Cohort:
    """What follows from configuration and directory, the same for all parties.

    On the complete graph each client holds a share of everybody's secrets, its own included; on a sparse
    graph its neighbours hold them and it keeps none, as the threshold of Bell et al. 2020 counts them.
    """

    config: RoundConfig
    directory: Directory

    @cached_property
    def header(self) -> Header:
        """The header of all messages from now on; its binding is the hash of the directory."""
        return Header(self.config.session, self.config.round, self.directory.hash)

    @property
    def names(self) -> tuple[str, ...]:
        """All clients, sorted."""
        return self.directory.names

    @cached_property
    def graph(self) -> Graph:
        """Drawn from a hash of all keys, which no party knows before the last key is in.

        Against a malicious server the hash is slow: it may try subsets of the clients until the graph suits
        it, and every try costs memory and time (see docs/adr/0010).
        """
        if self.config.neighbours is None:
            return Graph.complete(self.names)
        return Graph.harary(self.names, self.config.neighbours, self._seed())

    @cached_property
    def complete(self) -> bool:
        """Whether all clients are neighbours."""
        return self.graph.degree == len(self.names) - 1

    @cached_property
    def _points(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names, start=1)}

    def __contains__(self, name: object) -> bool:
        return name in self._points

    def point(self, name: str) -> int:
        """Shamir evaluation point of a client: 1 .. n in order of ids."""
        return self._points[name]

    def keys(self, name: str) -> Keys:
        """Public keys of a client."""
        return self.directory.keys[self._points[name] - 1]

    def peers(self, name: str) -> tuple[str, ...]:
        """Who shares masks with a client, sorted."""
        return self.graph.neighbours_of(name)

    def holders(self, name: str) -> tuple[str, ...]:
        """Who holds shares of a client's secrets, sorted."""
        return self.names if self.complete else self.peers(name)

    def _seed(self) -> bytes:
        if self.config.adversary is Adversary.SEMI_HONEST:
            return hashlib.sha256(b"gradveil secagg graph seed v1\0" + self.directory.hash).digest()
        slow = Scrypt(salt=b"gradveil secagg graph seed v1", length=SEED_BYTES, n=_SLOW_COST, r=8, p=1)
        return slow.derive(self.directory.hash)
