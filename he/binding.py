"""What the values of one round stand for, and the frame that follows from it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from he.frames import Context, Expected, Kind
from he.keys.scope import Scope
from he.params import Params


@dataclass(frozen=True)
class Binding:
    """One vector of one round; all parties must agree on it.

    Attributes:
        round: 0 .. 2^63 - 1, never used twice in a job.
        layout: 32-byte hash of names and shapes, `Layout.hash`.
        selection: 32-byte hash of the encrypted coordinates, `Selection.hash`; fixed for the job.
        count: number of encrypted values.
    """

    round: int
    layout: bytes
    selection: bytes
    count: int

    def context(self, scope: Scope) -> Context:
        """The frame context under a key; FrameError for a malformed field."""
        params = scope.params
        return Context(
            scheme=params.scheme,
            params_hash=params.hash,
            key_id=scope.key_id,
            job=scope.job_hash,
            layout=self.layout,
            selection=self.selection,
            round=self.round,
            count=self.count,
        )

    def expected(self, scope: Scope, kind: Kind) -> Expected:
        """What a frame of this vector must look like; CapacityError for too many values."""
        params, size = scope.params, size_of(scope.params, kind)
        return Expected(
            kind=kind,
            context=self.context(scope),
            chunks=params.chunks(self.count),
            chunk_bytes=size(params.values_per_chunk),
            body_bytes=size(self.count),
            max_contributors=1 if kind is Kind.UPLOAD else params.max_clients,
            max_weight=1 if kind is Kind.UPLOAD else params.max_clients,
        )


def size_of(params: Params, kind: Kind) -> Callable[[int], int]:
    """Bytes of a body by its number of values."""
    return params.upload_bytes if kind is Kind.UPLOAD else params.sum_bytes


def split(body: memoryview, params: Params, kind: Kind, count: int) -> Iterator[tuple[memoryview, int]]:
    """The chunks of a body of the right length, each with its number of values."""
    size, start = size_of(params, kind), 0
    for values in params.chunk_sizes(count):
        stop = start + size(values)
        yield body[start:stop], values
        start = stop
