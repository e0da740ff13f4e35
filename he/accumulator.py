"""The server's side: add frames as they arrive and keep only their sum."""

from gradveil.exchange.errors import TooFewClientsError
from he import _seal
from he.errors import CapacityError, ContributorError, FrameError
from he.frame import Frame, require_binding
from he.keys import ServerKey


class Accumulator:
    """The running sum of fresh frames under one binding; the first frame sets the number of values."""

    def __init__(self, server_key: ServerKey, binding: bytes) -> None:
        self._key = server_key
        self._binding = require_binding(binding)
        self._names: frozenset[str] = frozenset()
        self._count = 0
        self._sum: list[_seal.Vector] = []

    @property
    def contributors(self) -> tuple[str, ...]:
        """Names in the sum, sorted."""
        return tuple(sorted(self._names))

    def add(self, frame: bytes) -> None:
        """Add one client's frame; a frame that is refused leaves the sum as it was.

        Raises:
            FrameError: damaged bytes, other parameters, another binding or another number of values.
            ContributorError: a client that is in the sum already, or a frame that is a sum itself.
            CapacityError: more contributors than the parameters carry.
        """
        fresh = Frame.from_bytes(frame, self._key.params)
        self._require_welcome(fresh)
        terms = [_seal.load_chunk(self._key._context, chunk, fresh.params) for chunk in fresh.chunks]
        if self._sum:
            terms = [_seal.add(total, term) for total, term in zip(self._sum, terms, strict=True)]
        self._sum, self._count = terms, fresh.count
        self._names |= set(fresh.contributors)

    def to_bytes(self) -> bytes:
        """The sum as a frame that names all contributors; TooFewClientsError before the first `add`."""
        if not self._sum:
            raise TooFewClientsError("no frame was added; wait for uploads")
        chunks = tuple(bytes(vector.serialize()) for vector in self._sum)
        return Frame(self._key.params, self._binding, self.contributors, self._count, chunks).to_bytes()

    def _require_welcome(self, fresh: Frame) -> None:
        fresh.require_bound_to(self._binding)
        if len(fresh.contributors) != 1:
            raise ContributorError("the frame is a sum already; add the clients' own frames")
        if self._names.intersection(fresh.contributors):
            raise ContributorError(
                f"{fresh.contributors[0]!r} is in the sum already; drop the repeated upload"
            )
        if len(self._names) >= self._key.params.max_clients:
            limit = self._key.params.max_clients
            raise CapacityError(
                f"the sum holds {limit} clients, its limit; open another or raise max_clients"
            )
        if self._sum and fresh.count != self._count:
            raise FrameError(
                f"{fresh.count} values instead of {self._count}; give all clients the same selection"
            )
