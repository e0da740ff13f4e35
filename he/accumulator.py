"""The server's side: add frames as they arrive and keep only their sum."""

from collections.abc import Sequence

from gradveil.exchange.errors import TooFewClientsError
from gradveil.parties.identity import Identity
from gradveil.parties.roster import Roster
from he.binding import Binding, split
from he.errors import ContributorError, FrameError
from he.frames import Kind, read_frame, write_frame
from he.keys import ServerKey
from he.schemes import Ciphertext, scheme_of


class Accumulator:
    """The running sum of one round; it makes one aggregate and is then closed.

    Args:
        key: parameters and job.
        binding: what the values stand for.
        roster: whose frames are welcome.
        identity: the server's, signs the aggregate.
        min_contributors: fewer clients make no aggregate; at least 2.
    """

    def __init__(
        self,
        key: ServerKey,
        binding: Binding,
        *,
        roster: Roster,
        identity: Identity,
        min_contributors: int = 2,
    ) -> None:
        self._params, self._adder = key.params, scheme_of(key.params).adder()
        self._upload, self._aggregate = (binding.expected(key.scope, kind) for kind in Kind)
        self._roster, self._identity = roster, identity
        self._min_contributors = max(min_contributors, 2)
        self._weights: dict[str, int] = {}
        self._sum: list[Ciphertext] = []
        self._closed: bytes | None = None

    @property
    def contributors(self) -> tuple[str, ...]:
        """Names in the sum, sorted."""
        return tuple(sorted(self._weights))

    def add(self, data: bytes, weight: int = 1) -> str:
        """Add a client's frame, `weight` times, and return its name; a refused frame changes nothing.

        Raises:
            FrameError: damaged bytes, or a frame of another key, job, round, layout or selection.
            SignatureError: not signed by a client of the roster.
            ContributorError: a client that is in the sum already, or the sum is closed.
            CapacityError: more contributors or larger weights than the parameters carry.
        """
        self._require_open()
        frame = read_frame(data, self._upload, self._roster)
        name = frame.header.sender
        if name in self._weights:
            raise ContributorError(f"{name!r} is in the sum already; drop the repeated upload")
        grown = {**self._weights, name: _positive(weight)}
        self._params.require_room(sum(grown.values()), sum(each * each for each in grown.values()))
        self._add_body(frame.body, weight)
        self._weights = grown
        return name

    def close(self) -> bytes:
        """The signed aggregate; later calls give the same bytes.

        Raises:
            TooFewClientsError: fewer contributors than `min_contributors`; more can still be added.
        """
        if self._closed is None:
            self._closed = self._signed()
            self._sum.clear()
        return self._closed

    def _signed(self) -> bytes:
        if len(self._weights) < self._min_contributors:
            raise TooFewClientsError(
                f"a sum over {len(self._weights)} clients, not {self._min_contributors}; wait for uploads"
            )
        expected = self._aggregate
        counts = self._params.chunk_sizes(expected.context.count)
        return write_frame(
            Kind.SUM,
            expected.context,
            self._weights,
            chunks=expected.chunks,
            chunk_bytes=expected.chunk_bytes,
            body=map(self._adder.dump, self._sum, counts),
            identity=self._identity,
        )

    def _add_body(self, body: memoryview, weight: int) -> None:
        """Check all chunks before the sum changes, then add one after the other."""
        chunks = list(split(body, self._params, Kind.UPLOAD, self._upload.context.count))
        for chunk, count in chunks:
            self._adder.require_valid(chunk, count)
        if not self._weights:
            self._sum = [self._term(chunk, count, weight) for chunk, count in chunks]
            return
        for index, (chunk, count) in enumerate(chunks):
            try:
                self._adder.add(self._sum[index], self._term(chunk, count, weight))
            except FrameError:
                self._undo(chunks[:index], weight)
                raise

    def _undo(self, chunks: Sequence[tuple[memoryview, int]], weight: int) -> None:
        for total, (chunk, count) in zip(self._sum, chunks, strict=False):
            self._adder.subtract(total, self._term(chunk, count, weight))

    def _term(self, chunk: memoryview, count: int, weight: int) -> Ciphertext:
        term = self._adder.load(chunk, count)
        return self._adder.multiply(term, weight) if weight > 1 else term

    def _require_open(self) -> None:
        if self._closed is not None:
            raise ContributorError(
                "the sum is closed, a second one would expose the difference; drop the frame"
            )


def _positive(weight: int) -> int:
    if type(weight) is not int or weight < 1:
        raise ContributorError(f"weight {weight!r} is not a positive int; leave the client out instead")
    return weight
