"""Which coordinates of an update are protected."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gradveil.exchange import coords as coord_sets
from gradveil.exchange import wire
from gradveil.exchange.coords import Coords
from gradveil.exchange.errors import LayoutMismatchError
from gradveil.exchange.files import write_atomically
from gradveil.exchange.layout import Layout
from gradveil.exchange.messages import require_name

_KIND, _VERSION = "selection", 1


@dataclass(frozen=True, eq=False)
class Selection:
    """A boolean mask over the parameters of one layout, shape (layout.size,), true where protected."""

    layout: Layout
    mask: NDArray[np.bool_]
    strategy: str

    def __post_init__(self) -> None:
        if self.mask.dtype != np.bool_ or self.mask.shape != (self.layout.size,):
            raise LayoutMismatchError(
                f"mask is {self.mask.dtype}{self.mask.shape}, not bool({self.layout.size},)"
            )
        require_name(self.strategy)

    @cached_property
    def coords(self) -> Coords:
        """The protected coordinates."""
        return coord_sets.from_mask(self.mask)

    @cached_property
    def complement(self) -> Coords:
        """The coordinates that stay readable."""
        return coord_sets.from_mask(~self.mask)

    @property
    def ratio(self) -> float:
        """Protected share of all parameters."""
        return float(self.mask.mean())

    def ratio_nonzero(self, vector: NDArray[np.float32]) -> float:
        """Protected share of the non-zero entries of a vector; NaN-free: 0 if all are zero."""
        nonzero = vector != 0
        return float(self.mask[nonzero].mean()) if nonzero.any() else 0.0

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 of layout and coordinates, 32 bytes; the strategy's name does not enter."""
        body = coord_sets.to_bytes(self.coords, self.layout.size)
        return hashlib.sha256(b"gradveil selection v1\0" + self.layout.hash + body).digest()

    def to_bytes(self) -> bytes:
        """Canonical bytes, bound to the layout."""
        body = coord_sets.to_bytes(self.coords, self.layout.size)
        return wire.pack(_KIND, _VERSION, [self.layout.hash, self.strategy, body])

    @classmethod
    def from_bytes(cls, data: bytes, layout: Layout) -> "Selection":
        """Decode a selection made for this layout.

        Raises:
            WireError: damaged bytes.
            LayoutMismatchError: made for another layout.
        """
        layout_hash, strategy, body = wire.unpack(
            data, _KIND, _VERSION, (bytes, str, bytes), max_bytes=_max_bytes(layout)
        )
        if layout_hash != layout.hash:
            raise LayoutMismatchError("this selection was made for another model; make a new one")
        mask = coord_sets.to_mask(coord_sets.from_bytes(body, layout.size), layout.size)
        return cls(layout, mask, strategy)

    def save(self, path: Path) -> None:
        """Write the canonical bytes; the file is whole or not there."""
        write_atomically(path, self.to_bytes())

    @classmethod
    def load(cls, path: Path, layout: Layout) -> "Selection":
        """Read what `save` wrote; raises as `from_bytes` does."""
        with path.open("rb") as file:
            return cls.from_bytes(file.read(_max_bytes(layout) + 1), layout)


def _max_bytes(layout: Layout) -> int:
    return layout.size // 8 + 2048
