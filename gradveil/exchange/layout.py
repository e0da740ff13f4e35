"""Names and shapes of the tensors behind one flat vector."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradveil.exchange.errors import InvalidUpdateError, LayoutMismatchError

_MAX_SIZE = 2**32 - 1  # coordinates travel as uint32


@dataclass(frozen=True)
class Layout:
    """Order, names and shapes of the tensors that make one flat float32 vector.

    A client's contribution to a weighted mean carries one more coordinate, `weight_coord`, right after the
    last parameter: its number of examples.
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        if len(self.names) != len(self.shapes) or len(set(self.names)) != len(self.names):
            raise InvalidUpdateError("a layout needs one shape for each of its distinct names")
        if not self.names:
            raise InvalidUpdateError("a layout needs at least one tensor; name the model's parameters")
        if any(type(extent) is not int for shape in self.shapes for extent in shape):
            raise InvalidUpdateError("a layout's extents must be int; convert them")
        if any(extent < 1 for shape in self.shapes for extent in shape):
            raise InvalidUpdateError("a layout has no empty tensors; leave them out")
        if self.size >= _MAX_SIZE:
            raise InvalidUpdateError(f"{self.size} parameters exceed {_MAX_SIZE}; split the model")

    @classmethod
    def of(cls, tensors: Mapping[str, ArrayLike]) -> "Layout":
        """Layout of named arrays, in their order."""
        shapes = tuple(tuple(np.shape(tensor)) for tensor in tensors.values())
        return cls(tuple(tensors), shapes)

    @cached_property
    def size(self) -> int:
        """Number of parameters."""
        return sum(math.prod(shape) for shape in self.shapes)

    @property
    def weight_coord(self) -> int:
        """The coordinate behind the parameters that carries the number of examples."""
        return self.size

    @property
    def wire_size(self) -> int:
        """Number of coordinates of a contribution: the parameters and the weight."""
        return self.size + 1

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 of names and shapes, 32 bytes, equal for equal layouts on every machine."""
        described = json.dumps([self.names, self.shapes], separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(b"gradveil layout v1\0" + described.encode()).digest()

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Where each tensor lies in the flat vector."""
        ends = np.cumsum([math.prod(shape) for shape in self.shapes]).tolist()
        starts = [0, *ends[:-1]]
        return {name: slice(a, b) for name, a, b in zip(self.names, starts, ends, strict=True)}

    def flatten(self, tensors: Mapping[str, ArrayLike]) -> NDArray[np.float32]:
        """One float32 vector of shape (size,).

        Raises:
            LayoutMismatchError: other names or shapes than this layout's.
        """
        self.require_same(Layout.of(tensors))
        return np.concatenate([np.asarray(t, dtype=np.float32).ravel() for t in tensors.values()])

    def unflatten(self, vector: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Views into the vector, one for each tensor."""
        shapes = dict(zip(self.names, self.shapes, strict=True))
        return {name: vector[where].reshape(shapes[name]) for name, where in self.slices.items()}

    def mask_of(self, names: Iterable[str]) -> NDArray[np.bool_]:
        """True at the coordinates of the named tensors, shape (size,).

        Raises:
            LayoutMismatchError: a name this layout does not have.
        """
        mask = np.zeros(self.size, dtype=np.bool_)
        for name in names:
            if name not in self.slices:
                raise LayoutMismatchError(f"no tensor {name!r}; choose among {', '.join(self.names)}")
            mask[self.slices[name]] = True
        return mask

    def require_same(self, other: "Layout") -> None:
        """Raise LayoutMismatchError unless the other layout is this one."""
        if other.hash != self.hash:
            theirs = ", ".join(sorted(set(other.names) ^ set(self.names))[:3]) or "shapes or order differ"
            raise LayoutMismatchError(f"another layout ({theirs}); all parties must run the same model")
