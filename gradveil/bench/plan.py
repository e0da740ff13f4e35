"""How much to measure."""

from dataclasses import dataclass, replace
from typing import Self

from gradveil.bench.ours import SETUPS


@dataclass(frozen=True, slots=True)
class Size:
    """A model of `values` parameters, and the clients of a round."""

    values: int
    clients: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run measures.

    Attributes:
        sizes: of timed rounds.
        memory: of the round whose server's memory is measured.
        repetitions: rounds of each package at each size and share; medians are reported.
        peers: whether other packages are measured too.
        parallel: our set-ups whose encryption is also measured with several processes.
        shares: of the parameters that are encrypted, in 0 .. 1.
    """

    sizes: tuple[Size, ...]
    memory: Size
    repetitions: int
    peers: bool
    parallel: tuple[str, ...] = tuple(SETUPS)
    shares: tuple[float, ...] = (1.0, 0.3, 0.1, 0.01)

    @classmethod
    def quick(cls, *, peers: bool) -> Self:
        """Seconds: a few clients, and one pool of processes, as each process imports the program anew."""
        sizes, memory = (Size(10**5, 4),), Size(10**5, 10)
        return cls(sizes, memory, repetitions=3, peers=peers, parallel=("packed",), shares=(1.0, 0.1))

    @classmethod
    def full(cls, *, peers: bool) -> Self:
        """Many minutes; two clients at 10^7 values, as all costs are linear in the clients by then."""
        sizes = (Size(10**5, 10), Size(10**6, 10), Size(10**7, 2))
        return cls(sizes, Size(10**6, 50), repetitions=5, peers=peers)

    def with_values(self, values: int) -> Self:
        """The same with one size, the clients of the first."""
        return replace(
            self, sizes=(replace(self.sizes[0], values=values),), memory=replace(self.memory, values=values)
        )

    def with_clients(self, clients: int) -> Self:
        """The same with another number of clients everywhere."""
        sizes = tuple(replace(size, clients=clients) for size in self.sizes)
        return replace(self, sizes=sizes, memory=replace(self.memory, clients=clients))

    @property
    def most_clients(self) -> int:
        """Clients of the largest timed round."""
        return max(size.clients for size in self.sizes)
