"""What happened in a round so far, on disk: a server that was killed replays it and goes on.

A server is a function of its events, and every event is written before it has an effect. The file holds
what clients sent, which a server without keys can read no more of than at the time; remove it with the round.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gradveil.exchange import WireError, wire

_VERSION = 1
_LENGTH_BYTES = 8
_MAX_BYTES = 2**31


class Entry(NamedTuple):
    """One event: `reply` of a node, `lost` node with a reason, or `late`."""

    kind: str
    node: str = ""
    payload: bytes = b""


class Journal:
    """Appends events to a file.

    Args:
        path: of the file; it goes on if it is there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, entry: Entry) -> None:
        """Write an event and flush it to disk."""
        packed = wire.pack("fl-event", _VERSION, [*entry])
        with self._path.open("ab") as file:
            file.write(len(packed).to_bytes(_LENGTH_BYTES, "little") + packed)
            file.flush()
            os.fsync(file.fileno())

    def entries(self) -> Iterator[Entry]:
        """All whole events; one that was cut off in the writing never had an effect.

        Raises:
            WireError: an event that is damaged otherwise.
        """
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            while head := file.read(_LENGTH_BYTES):
                size = int.from_bytes(head, "little")
                if size > _MAX_BYTES:
                    raise WireError(f"{self._path} is damaged; remove it and start a new round")
                packed = file.read(size)
                if len(packed) < size:
                    return
                fields = wire.unpack(packed, "fl-event", _VERSION, (str, str, bytes), max_bytes=size)
                yield Entry(*fields)

    def remove(self) -> None:
        """The round is over."""
        self._path.unlink(missing_ok=True)
