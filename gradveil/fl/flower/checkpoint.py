"""What a server must not forget: rounds that were opened, and the model that the last one gave."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flwr.app import Array, ArrayRecord

from gradveil.exchange import WireError, wire
from gradveil.exchange.files import write_atomically

_KIND, _VERSION = "fl-checkpoint", 1
_TYPES = (bytes, int, int, bytes, list)
_MAX_BYTES = 2**34
_ARRAY_FIELDS = 5


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A server's memory between two rounds.

    Attributes:
        plan: `Plan.hash`.
        opened: number of the last round of the job that was opened, whether it ended or not.
        finished: Flower's number of the last server round that is done.
        sealed: the encrypted part of the model, or empty.
        arrays: the model as the server knows it; None before the first round.
    """

    plan: bytes
    opened: int = 0
    finished: int = 0
    sealed: bytes = field(default=b"", repr=False)
    arrays: ArrayRecord | None = field(default=None, repr=False)

    def save(self, path: Path) -> None:
        """Write it whole or not at all."""
        arrays = [] if self.arrays is None else [_packed(*item) for item in self.arrays.items()]
        fields = [self.plan, self.opened, self.finished, self.sealed, arrays]
        write_atomically(path, wire.pack(_KIND, _VERSION, fields), mode=0o600)

    @classmethod
    def load(cls, path: Path) -> "Checkpoint":
        """Read what `save` wrote; WireError for damaged bytes."""
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        plan, opened, finished, sealed, arrays = wire.unpack(
            data, _KIND, _VERSION, _TYPES, max_bytes=_MAX_BYTES
        )
        record = ArrayRecord(dict(_unpacked(each) for each in arrays)) if arrays else None
        return cls(plan, opened, finished, sealed, record)


def _packed(name: str, array: Array) -> list[object]:
    return [name, array.dtype, array.stype, ",".join(map(str, array.shape)), array.data]


def _unpacked(fields: Sequence[Any]) -> tuple[str, Array]:
    if len(fields) != _ARRAY_FIELDS:
        raise WireError("a checkpoint is damaged; restore it from a copy")
    name, dtype, stype, shape, data = fields
    return name, Array(dtype, tuple(int(each) for each in shape.split(",") if each), stype, data)
