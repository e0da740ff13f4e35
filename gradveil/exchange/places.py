"""Where the parts of one message lie, in as few bytes as both sides need.

A part's coordinates are, in this order: the agreed ones, named by their hash; the rest that no earlier part
covers; or the coordinates themselves, in the form of `coords.to_bytes`.
"""

import hashlib

import numpy as np

from gradveil.exchange import coords as coord_sets
from gradveil.exchange.coords import Coords
from gradveil.exchange.errors import WireError

_AGREED, _REST = b"a", b"c"


class Places:
    """Writes and reads the coordinates of a message's parts one after the other."""

    def __init__(self, size: int, agreed: Coords | None) -> None:
        self._size = size
        self._agreed = agreed
        self._agreed_name = b"" if agreed is None else _AGREED + _hash(agreed, size)
        self._free = np.ones(size, dtype=np.bool_)

    def write(self, coords: Coords) -> bytes:
        """The shortest canonical form of the next part's coordinates."""
        if self._agreed is not None and np.array_equal(coords, self._agreed):
            where = self._agreed_name
        elif not self._free.all() and np.array_equal(coords, np.flatnonzero(self._free)):
            where = _REST
        else:
            where = coord_sets.to_bytes(coords, self._size)
        self._free[coords] = False
        return where

    def read(self, where: bytes) -> Coords:
        """The next part's coordinates.

        Raises:
            WireError: damaged or not the canonical form, or other coordinates were agreed on.
        """
        form = where[:1]
        if form == _AGREED:
            coords = self._require_agreed()
        elif form == _REST:
            coords = coord_sets.from_mask(self._free)
        else:
            coords = coord_sets.from_bytes(where, self._size)
        if self.write(coords) != where:
            raise WireError(
                "other coordinates were agreed on, or not in canonical form; compare the selections"
            )
        return coords

    def _require_agreed(self) -> Coords:
        if self._agreed is None:
            raise WireError("a part lies on coordinates agreed on before; decode with the job's selection")
        return self._agreed


def _hash(coords: Coords, size: int) -> bytes:
    body = coord_sets.to_bytes(coords, size)
    return hashlib.sha256(b"gradveil agreed coordinates v1\0" + body).digest()
