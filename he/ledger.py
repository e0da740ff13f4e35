"""What was opened: one aggregate for each round, so that no two of them can be subtracted."""

import hashlib
import struct
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from gradveil.exchange import wire
from gradveil.exchange.errors import WireError
from gradveil.exchange.files import write_atomically
from he.errors import CapacityError, ReplayError
from he.frames.header import Header

MAX_ENTRIES = 100_000

_KIND = "he-ledger"
_VERSION = 1
_ENTRY = struct.Struct("<16s32sQ32sI")
_ENVELOPE_BYTES = 64


class _Place(NamedTuple):
    """Of which aggregates only one may be opened."""

    key_id: bytes
    job: bytes
    round: int


class _Opened(NamedTuple):
    """The one that was: SHA-256 of its header, which holds the body's digest; number of contributors."""

    digest: bytes
    contributors: int


class Ledger:
    """Remembers the aggregate that was opened for each key, job and round.

    With a `path` it survives a restart; one process at a time may use that file.

    Raises:
        WireError: the file is damaged.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._opened = _load(path) if path is not None and path.exists() else {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._opened)

    def record(self, aggregate: Header) -> None:
        """Call it with a verified header before decrypting; the same aggregate passes again.

        Raises:
            ReplayError: another aggregate of this key, job and round was opened before.
            CapacityError: no room for another round.
            OSError: the file cannot be written; nothing is recorded then.
        """
        context = aggregate.context
        place = _Place(context.key_id, context.job, context.round)
        opened = _Opened(hashlib.sha256(aggregate.to_bytes()).digest(), len(aggregate.contributors))
        with self._lock:
            if place in self._opened:
                _require_same(place, self._opened[place], opened)
            else:
                self._add(place, opened)

    def _add(self, place: _Place, opened: _Opened) -> None:
        if len(self._opened) >= MAX_ENTRIES:
            raise CapacityError(f"the ledger holds {MAX_ENTRIES} rounds, its limit; start a new job")
        grown = {**self._opened, place: opened}
        if self._path is not None:
            write_atomically(self._path, _pack(grown), mode=0o600)
        self._opened = grown


def _require_same(place: _Place, first: _Opened, second: _Opened) -> None:
    if first != second:
        raise ReplayError(
            f"round {place.round} was opened as a sum over {first.contributors} clients, this is another "
            f"over {second.contributors}: two sums that differ by one client give that client's values by "
            "subtraction; refuse it and go on with the next round"
        )


def _pack(opened: dict[_Place, _Opened]) -> bytes:
    return wire.pack(_KIND, _VERSION, [b"".join(_ENTRY.pack(*key, *value) for key, value in opened.items())])


def _load(path: Path) -> dict[_Place, _Opened]:
    try:
        with path.open("rb") as file:
            return _unpack(file.read(_max_bytes() + 1))
    except WireError as error:
        raise WireError(
            f"{path} is damaged ({error}); without it rounds could be opened twice, so restore a backup, "
            "or start a new job with a new key before you delete it"
        ) from error


def _unpack(data: bytes) -> dict[_Place, _Opened]:
    (packed,) = wire.unpack(data, _KIND, _VERSION, (bytes,), max_bytes=_max_bytes())
    if len(packed) % _ENTRY.size:
        raise WireError("half an entry")
    entries = list(_ENTRY.iter_unpack(packed))
    opened = {_Place(*entry[:3]): _Opened(*entry[3:]) for entry in entries}
    if len(opened) != len(entries):
        raise WireError("a round twice")
    return opened


def _max_bytes() -> int:
    return _ENVELOPE_BYTES + MAX_ENTRIES * _ENTRY.size
